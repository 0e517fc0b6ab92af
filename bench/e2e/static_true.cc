// SPDX-License-Identifier: Apache-2.0
// The least a container can run.
int main() {}
