import pytest

from retrieval.encoders.space import check_space
from retrieval.errors import EncoderMismatch


@pytest.mark.parametrize("recorded", [None, ("all-MiniLM-L6-v2", 384)])
def test_an_empty_index_and_one_of_the_same_encoder_are_accepted(recorded):
    check_space(("all-MiniLM-L6-v2", 384), recorded)

    assert EncoderMismatch.permanent


@pytest.mark.parametrize("recorded", [("other-model", 384), ("all-MiniLM-L6-v2", 768)])
def test_another_model_or_another_dimension_is_refused(recorded):
    with pytest.raises(EncoderMismatch):
        check_space(("all-MiniLM-L6-v2", 384), recorded)


def test_the_refusal_names_both_encoders_and_what_to_do():
    with pytest.raises(EncoderMismatch) as refusal:
        check_space(("new-model", 1536), ("all-MiniLM-L6-v2", 384))

    assert str(refusal.value) == (
        "The index was built with 'all-MiniLM-L6-v2' (384 dimensions); the configured encoder is"
        " 'new-model' (1536 dimensions). Configure the former again, or index every document anew"
        " with the latter."
    )
