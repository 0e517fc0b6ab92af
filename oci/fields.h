// SPDX-License-Identifier: Apache-2.0
// The rows of every object in config.json; the tables are in fields_*.cc. Include this to read one, to write
// one or to list what there is (base/field.h).
#pragma once
#include <span>

#include "base/field.h"
#include "oci/spec.h"

namespace krun {

template <>
struct FieldsOf<oci::Spec> {
    static std::span<Field<oci::Spec> const> const rows;
};
template <>
struct FieldsOf<oci::Root> {
    static std::span<Field<oci::Root> const> const rows;
};
template <>
struct FieldsOf<oci::Mount> {
    static std::span<Field<oci::Mount> const> const rows;
};
template <>
struct FieldsOf<oci::Hook> {
    static std::span<Field<oci::Hook> const> const rows;
};
template <>
struct FieldsOf<oci::Hooks> {
    static std::span<Field<oci::Hooks> const> const rows;
};
template <>
struct FieldsOf<oci::Process> {
    static std::span<Field<oci::Process> const> const rows;
};
template <>
struct FieldsOf<oci::User> {
    static std::span<Field<oci::User> const> const rows;
};
template <>
struct FieldsOf<oci::ConsoleSize> {
    static std::span<Field<oci::ConsoleSize> const> const rows;
};
template <>
struct FieldsOf<oci::Capabilities> {
    static std::span<Field<oci::Capabilities> const> const rows;
};
template <>
struct FieldsOf<oci::Rlimit> {
    static std::span<Field<oci::Rlimit> const> const rows;
};
template <>
struct FieldsOf<oci::Scheduler> {
    static std::span<Field<oci::Scheduler> const> const rows;
};
template <>
struct FieldsOf<oci::IoPriority> {
    static std::span<Field<oci::IoPriority> const> const rows;
};
template <>
struct FieldsOf<oci::Linux> {
    static std::span<Field<oci::Linux> const> const rows;
};
template <>
struct FieldsOf<oci::Namespace> {
    static std::span<Field<oci::Namespace> const> const rows;
};
template <>
struct FieldsOf<oci::IdMapping> {
    static std::span<Field<oci::IdMapping> const> const rows;
};
template <>
struct FieldsOf<oci::Device> {
    static std::span<Field<oci::Device> const> const rows;
};
template <>
struct FieldsOf<oci::TimeOffset> {
    static std::span<Field<oci::TimeOffset> const> const rows;
};
template <>
struct FieldsOf<oci::Seccomp> {
    static std::span<Field<oci::Seccomp> const> const rows;
};
template <>
struct FieldsOf<oci::SeccompRule> {
    static std::span<Field<oci::SeccompRule> const> const rows;
};
template <>
struct FieldsOf<oci::SeccompArg> {
    static std::span<Field<oci::SeccompArg> const> const rows;
};
template <>
struct FieldsOf<oci::Personality> {
    static std::span<Field<oci::Personality> const> const rows;
};
template <>
struct FieldsOf<oci::Resources> {
    static std::span<Field<oci::Resources> const> const rows;
};
template <>
struct FieldsOf<oci::DeviceRule> {
    static std::span<Field<oci::DeviceRule> const> const rows;
};
template <>
struct FieldsOf<oci::MemoryLimits> {
    static std::span<Field<oci::MemoryLimits> const> const rows;
};
template <>
struct FieldsOf<oci::CpuLimits> {
    static std::span<Field<oci::CpuLimits> const> const rows;
};
template <>
struct FieldsOf<oci::PidsLimit> {
    static std::span<Field<oci::PidsLimit> const> const rows;
};
template <>
struct FieldsOf<oci::BlockIo> {
    static std::span<Field<oci::BlockIo> const> const rows;
};
template <>
struct FieldsOf<oci::DeviceWeight> {
    static std::span<Field<oci::DeviceWeight> const> const rows;
};
template <>
struct FieldsOf<oci::DeviceRate> {
    static std::span<Field<oci::DeviceRate> const> const rows;
};
template <>
struct FieldsOf<oci::HugepageLimit> {
    static std::span<Field<oci::HugepageLimit> const> const rows;
};
template <>
struct FieldsOf<oci::NetworkLimits> {
    static std::span<Field<oci::NetworkLimits> const> const rows;
};
template <>
struct FieldsOf<oci::InterfacePriority> {
    static std::span<Field<oci::InterfacePriority> const> const rows;
};
template <>
struct FieldsOf<oci::RdmaLimit> {
    static std::span<Field<oci::RdmaLimit> const> const rows;
};
template <>
struct FieldsOf<oci::Vm> {
    static std::span<Field<oci::Vm> const> const rows;
};
template <>
struct FieldsOf<oci::VmKernel> {
    static std::span<Field<oci::VmKernel> const> const rows;
};
template <>
struct FieldsOf<oci::VmHardware> {
    static std::span<Field<oci::VmHardware> const> const rows;
};

}  // namespace krun
