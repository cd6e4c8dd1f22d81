"""What a command ends with whose work for several instances ended in several ways."""

from __future__ import annotations

from itertools import product

from identity_reconciler.errors import EXIT_CODES, ExitCode, gravest
from tests.documents import guide


class TestGravest:
    """One exit code for several instances never says that nothing was written when it was."""

    def test_the_order_is_the_one_that_the_guide_tells(self) -> None:
        told = guide("commands").text.partition("the gravest counts: ")[2].partition(".")[0]
        order = [ExitCode(int(one)) for one in told.split(", ")]
        assert sorted(order) == sorted(ExitCode)
        for one, other in product(order, order):
            assert gravest([one, other]) is min(one, other, key=order.index)

    def test_what_was_written_is_not_denied(self) -> None:
        denied = {row.code for row in EXIT_CODES if row.written == "no"}
        for one, other in product(ExitCode, ExitCode):
            code = gravest([one, other], written=True)
            assert code not in denied

    def test_all_well_is_success(self) -> None:
        assert gravest([]) is gravest([ExitCode.SUCCESS], written=True) is ExitCode.SUCCESS
