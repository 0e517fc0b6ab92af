# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' container runtime interface: its calls, with the messages of cri.proto."""
import pathlib
import subprocess

from suite import Skip

_kProto = pathlib.Path(__file__).with_suffix(".proto")
_kPackage = "runtime.v1"
_kTimeout = 180  # seconds for one call


class Refused(Exception):
    """An answer that is an error: its text is the code and the message."""


def _libraries():
    """(grpc, a pool of the messages and services, the function that makes classes of them)"""
    try:
        import grpc
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as missing:
        raise Skip(f"no Python module {missing.name}: needs python3-grpcio and python3-protobuf") from None
    compiled = subprocess.run(["protoc", f"--proto_path={_kProto.parent}", "--descriptor_set_out=/dev/stdout", _kProto.name],
                              stdout=subprocess.PIPE, check=True).stdout
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    return grpc, pool, message_factory.MessageFactory(pool).GetPrototype


class Api:
    """A connection. Each call is a method by its own name, the request's fields are its arguments."""

    def __init__(self, socket):
        self._grpc, pool, self._class_of = _libraries()
        self._channel = self._grpc.insecure_channel(f"unix:{socket}")
        services = [pool.FindServiceByName(f"{_kPackage}.{name}") for name in ("RuntimeService", "ImageService")]
        self._methods = {method.name: method for service in services for method in service.methods}

    def close(self):
        self._channel.close()

    def __getattr__(self, name):
        method = self._methods[name]
        call = self._channel.unary_unary(
            f"/{method.containing_service.full_name}/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=self._class_of(method.output_type).FromString)

        def checked(**fields):
            try:
                return call(self._class_of(method.input_type)(**fields), timeout=_kTimeout)
            except self._grpc.RpcError as error:
                raise Refused(f"{error.code().name}: {error.details()}") from None

        return checked
