# SPDX-License-Identifier: Apache-2.0
"""The payload's world compared with crun's. Every difference has its reason in reasons.py, and docs/conformance.md
lists all properties."""
import comparison
import conformance_page
import reasons
from suite import expect, expect_equal, test
from worlds import engine, hooks, limits, places, process, seccomp, terminal  # noqa: F401  (they register themselves)


def _rows(one):
    def compare(case):
        return comparison.compare(case, one)

    return compare


_kRows = {one.name: _rows(one) for one in comparison.worlds()}


def _register(one):
    @test(f"conformance: {one.name}", vm_only=True)
    def compared(case):
        rows = case.once(_kRows[one.name])
        bad = [row for row in rows if not row.same and not reasons.reason_for(row)]
        expect(not bad, "; ".join(f"{row.name}: crun {row.wanted!r}, ours {row.found!r}" for row in bad[:8]) +
               f" ({len(bad)} differences without a reason)")


for _one in comparison.worlds():
    _register(_one)


@test("conformance: the page lists what was compared, and each reason is needed", vm_only=True)
def page(case):
    rows = [row for one in comparison.worlds() for row in case.once(_kRows[one.name])]
    conformance_page.write_if_asked(rows)
    expect_equal(reasons.unused(rows), [], "reasons for differences that are none")
    missing, stale, changed = conformance_page.difference(rows)
    expect(not missing and not stale and not changed, f"docs/conformance.md lacks {missing[:5]}, has {stale[:5]}, and has another "
           f"value for {changed[:5]} ({len(changed)}): run hack/conformance")
