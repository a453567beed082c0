"""Delays are what they are said to be, and chaos can be replayed."""

from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.stub.rules.chaos import Chaos, ChaosSettings
from plugins.verification.stub.rules.delays import MAX_DELAY, Delay, Lognormal, Uniform
from plugins.verification.stub.rules.faults import FAULTS

DRAWS = 2_000


def draws(delay: Delay, seed: int = 1) -> list[float]:
    random = Random(seed)
    return [delay.draw(random) for _ in range(DRAWS)]


def test_a_fixed_delay_is_always_the_same():
    assert set(draws(Delay(fixed=50))) == {0.05}


def test_a_uniform_delay_fills_its_bounds():
    drawn = draws(Delay(uniform=Uniform(lower=100, upper=300)))
    assert 0.1 <= min(drawn) < 0.11
    assert 0.29 < max(drawn) <= 0.3
    assert 0.19 < median(drawn) < 0.21


def test_half_of_a_lognormal_delay_is_below_its_median_and_its_tail_is_cut_off():
    drawn = draws(Delay(lognormal=Lognormal(median=80, sigma=1.0, max=400)))
    assert 0.073 < median(drawn) < 0.087
    assert max(drawn) == 0.4
    assert min(drawn) > 0


@given(st.floats(0.001, MAX_DELAY), st.floats(0, 10), st.floats(0.001, MAX_DELAY), st.integers(0, 2**32))
def test_no_delay_is_longer_than_a_minute_or_negative(middle, sigma, most, seed):
    seconds = Delay(lognormal=Lognormal(median=middle, sigma=sigma, max=most)).draw(Random(seed))
    assert 0 <= seconds <= MAX_DELAY / 1000


@pytest.mark.parametrize(
    ("delay", "pointer"),
    [
        (Delay(), ""),
        (Delay(fixed=1, uniform=Uniform(lower=1, upper=2)), ""),
        (Delay(uniform=Uniform(lower=2, upper=1)), "/uniform/upper"),
    ],
)
def test_a_delay_is_exactly_one_thing(delay, pointer):
    assert [found for found, _ in delay.faults()] == [pointer]


@given(st.integers(0, 2**53 - 1), st.floats(0, 1))
def test_the_same_seed_gives_the_same_faults_and_delays(seed, probability):
    settings = ChaosSettings(
        delay=Delay(uniform=Uniform(lower=1, upper=9)), fault_probability=probability, faults=FAULTS, random_seed=seed
    )
    first, second = Chaos(settings), Chaos(settings)
    assert [first.fault() for _ in range(50)] == [second.fault() for _ in range(50)]
    assert [first.seconds(None) for _ in range(50)] == [second.seconds(None) for _ in range(50)]


def test_how_many_delays_are_drawn_does_not_shift_the_faults():
    settings = ChaosSettings(delay=Delay(uniform=Uniform(lower=1, upper=9)), fault_probability=0.5, random_seed=3)
    impatient, patient = Chaos(settings), Chaos(settings)
    drawn = []
    for _ in range(50):
        patient.seconds(None)
        drawn.append(patient.fault())
    assert drawn == [impatient.fault() for _ in range(50)]


def test_faults_strike_as_often_as_is_said_and_each_as_often_as_the_others():
    chaos = Chaos(ChaosSettings(fault_probability=0.25, faults=("empty", "timeout"), random_seed=1))
    struck = [fault for _ in range(8_000) if (fault := chaos.fault())]
    assert 1_850 < len(struck) < 2_150
    assert 900 < struck.count("empty") < 1_100


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0), (1.0, 100)])
def test_never_is_never_and_always_is_always(probability, share):
    chaos = Chaos(ChaosSettings(fault_probability=probability))
    assert sum(chaos.fault() is not None for _ in range(100)) == share


def test_a_delay_of_a_rule_takes_the_place_of_that_of_the_settings():
    chaos = Chaos(ChaosSettings(delay=Delay(fixed=1000)))
    assert chaos.seconds(None) == 1.0
    assert chaos.seconds(Delay(fixed=10)) == 0.01
    assert not chaos.is_idle
    assert Chaos(ChaosSettings()).is_idle
