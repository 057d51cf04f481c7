from __future__ import annotations

import pytest

from genre_models.evasions import echoes, placeholder, refuses


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that request.",
        "As an AI language model, I don't have personal opinions.",
        "I am unable to write this without knowing more.",
        "I cannot provide a text about this.",
        "As a baker, I don't have the ability to provide recipes.",
        "Could you please provide more details about the parcel?",
        "Please share the text that you want me to rewrite.",
    ],
)
def test_declining_and_asking_back_are_refusals(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dear Ines, I'm sorry that the kettle came broken. A new one is on its way.",
        "I'm afraid we can't ship on Sundays, but yours goes out on Monday.",
        "I can't write to you every day, but I think of you.",
        "Could you give me the number on the label, please?",
        "We cannot help the weather; the tent can.",
    ],
)
def test_an_apology_is_no_refusal(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize("blank", ["[Your Name]", "{customer}", "{{ date }}", "<company name>"])
def test_a_blank_is_told_unless_the_request_has_it(blank: str) -> None:
    assert placeholder("A letter to a tenant.", f"Dear {blank}, the lift is out.") == blank
    assert placeholder(f"A letter, keep {blank}.", f"Dear {blank}, the lift is out.") is None


@pytest.mark.parametrize("text", ["See note [12].", "2 < 3, and 5 > 4.", "Size XXL fits all."])
def test_other_brackets_are_no_blanks(text: str) -> None:
    assert placeholder("A text about sizes.", text) is None


def test_a_text_that_begins_with_its_request_echoes_it() -> None:
    request = "Write a product description of a steel bottle of 750 ml."
    assert echoes(request, request)
    assert echoes(request, f"{request.lower()}\n\nThe bottle is a good bottle, and it is of steel.")
    assert not echoes(request, "The steel bottle of 750 ml, which nothing has dented yet.")
    assert echoes(request, "A product description of a steel bottle.")
    assert not echoes(request, "Keeps tea hot for a shift: 750 ml of brushed steel, one lid.")


def test_a_term_may_stand_before_its_definition() -> None:
    assert not echoes("half-life", "Half-life: the time in which half of the atoms decay.")
