# SPDX-License-Identifier: Apache-2.0
"""The clients that engines' users have, unmodified, on the runtime under test and on crun: every difference has its
reason in clients/reasons.py, and docs/clients.md lists all steps."""
from clients import comparing, page, reasons
# They register their scenarios, in the order of the page.
from clients import podman_life, podman_process, podman_users, podman_exec, podman_files, podman_watch, podman_pods  # noqa: F401
from clients import build, containerd, containerd_cri, crio  # noqa: F401
from suite import expect, expect_equal, selected, test


def _rows(one):
    def compare(case):
        return comparing.compare(case, one)

    return compare


_kRows = {one.title: _rows(one) for one in comparing.scenarios()}


def _register(one):
    @test(f"clients: {one.title}", slow=one.slow)
    def compared(case):
        rows = case.once(_kRows[one.title])
        bad = [row for row in rows if not row.same and not reasons.reason_for(row)]
        expect(not bad, "; ".join(f"{row.name}: crun {row.wanted!r}, ours {row.found!r}" for row in bad[:8]) +
               f" ({len(bad)} differences without a reason)")


for _one in comparing.scenarios():
    _register(_one)


@test("clients: the page says what was seen, and each reason is needed", vm_only=True)
def current(case):
    names = {one.name for one in selected(["clients: "])}
    parts = [(one, case.once(_kRows[one.title])) for one in comparing.scenarios() if f"clients: {one.title}" in names]
    page.write_if_asked(parts)
    expect_equal(page.stale(parts), [], "scenarios of which docs/clients.md says something else: run hack/clients")
    if len(parts) == len(comparing.scenarios()):
        expect_equal(reasons.unused([row for _, rows in parts for row in rows]), [], "reasons for differences that are none")
