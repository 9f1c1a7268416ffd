"""Which examples Hypothesis tries: the same ones everywhere (`fixed`), or new ones (`fuzz`)."""

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

FUZZ_EXAMPLES = 1500
NO_CONSTANTS = Constants()


def register() -> None:
    """Both profiles, `fixed` in use. Neither depends on how busy the machine is, nor on whether
    Hypothesis believes that it runs in CI."""
    base = settings(
        settings.get_profile("default"),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.register_profile("fixed", base, derandomize=True, database=None)
    settings.register_profile("fuzz", base, max_examples=FUZZ_EXAMPLES, print_blob=True)
    settings.load_profile("fixed")


def hold() -> None:
    """Make `fixed` hold what it says.

    Hypothesis draws one value in twenty from the constants of the modules that are loaded, also
    where it is derandomised: which those are differs with the tests that ran before in the process.
    """
    if settings().derandomize:
        providers._get_local_constants = lambda: NO_CONSTANTS
