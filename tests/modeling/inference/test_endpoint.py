"""Endpoints that speak the OpenAI protocol, against a real server on this machine."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from modeling.data.exchange import BadRequestError
from modeling.inference.endpoint import EndpointSpec, EndpointSystem, disarm
from modeling.inference.systems import Draw, ImageFile, Question, SystemUnavailableError
from tests.modeling.inference.chat_server import answer_with, serve, slow
from tests.modeling.small_dicom import write_dicom

QUESTION = Question("q1", ("您好", "请讲", "我的乳腺密不密？"), context="年龄 50")


def draws(n, question=QUESTION):
    return [Draw(question, index, 100 + index) for index in range(n)]


def system(server, parameters=None, **spec):
    made = EndpointSpec.from_mapping({"kind": "openai", "base_url": server.url, "model": "m", **spec})
    return EndpointSystem(made, parameters or {})


def write(server, n=1, question=QUESTION, **spec):
    return system(server, **spec).write(draws(n, question), lambda rows: None)


def test_three_answers_are_three_requests_each_with_its_own_seed():
    with serve(lambda number, body: (200, answer_with(f"答{number}"))) as server:
        answers = write(server, 3)
    assert [answer.text for answer in answers] == ["答0", "答1", "答2"]
    assert [body["seed"] for body in server.bodies] == [100, 101, 102]
    assert not any("n" in body for body in server.bodies)
    assert [answer.tokens for answer in answers] == [7, 7, 7]


def test_history_and_context_are_sent_in_their_roles():
    with serve(lambda number, body: (200, answer_with("答"))) as server:
        write(server)
    roles = [(message["role"], message["content"]) for message in server.bodies[0]["messages"]]
    assert roles == [
        ("system", "年龄 50"),
        ("user", "您好"),
        ("assistant", "请讲"),
        ("user", "我的乳腺密不密？"),
    ]


def test_an_endpoint_that_supports_n_is_asked_once():
    with serve(lambda number, body: (200, answer_with("a", "b", "c"))) as server:
        answers = write(server, 3, capabilities={"supports_n": True})
    assert [body["n"] for body in server.bodies] == [3]
    assert [answer.text for answer in answers] == ["a", "b", "c"]
    assert [answer.parameters["choice"] for answer in answers] == [0, 1, 2]


def test_an_endpoint_that_ignores_n_is_asked_again_for_the_rest():
    with serve(lambda number, body: (200, answer_with(f"答{number}"))) as server:
        answers = write(server, 3, capabilities={"supports_n": True})
    assert [body.get("n") for body in server.bodies] == [3, 2, None]
    assert [answer.text for answer in answers] == ["答0", "答1", "答2"]


def test_an_endpoint_without_seed_gets_none_and_the_row_has_none():
    with serve(lambda number, body: (200, answer_with("答"))) as server:
        answers = write(server, capabilities={"supports_seed": False})
    assert "seed" not in server.bodies[0]
    assert answers[0].seed is None


def test_too_many_requests_are_tried_again():
    with serve(lambda number, body: (429, {}) if number < 2 else (200, answer_with("答"))) as server:
        answers = write(server)
    assert len(server.bodies) == 3
    assert answers[0].text == "答"


@pytest.mark.parametrize(
    ("said", "pauses"),
    [
        ({"wait_ms": 400}, (0.4, 0.4)),
        # Without a word from the server they grow: half a second, then a second, each up to a quarter less.
        ({"wait_ms": None}, (0.37, 0.74)),
    ],
)
def test_the_next_try_waits_as_long_as_the_server_says_else_longer_each_time(said, pauses):
    with serve(lambda number, body: (429, said) if number < 2 else (200, answer_with("答"))) as server:
        write(server)
    first, second, third = server.times
    assert second - first >= pauses[0]
    assert third - second >= pauses[1]


def test_when_it_stays_too_many_the_error_says_what_to_change():
    with (
        serve(lambda number, body: (429, {})) as server,
        pytest.raises(SystemUnavailableError, match=r"q1.*429.*after 1 retries.*max_concurrency"),
    ):
        write(server, max_retries=1)


def test_a_silent_server_is_named_after_the_time_limit():
    with (
        serve(lambda number, body: slow(1.0, answer_with("spät"))) as server,
        pytest.raises(SystemUnavailableError, match=r"no answer within 0.2 s"),
    ):
        write(server, max_retries=0, timeout_seconds=0.2)


def test_a_server_that_is_not_there_is_named():
    with serve(lambda number, body: (200, {})) as server:
        pass
    with pytest.raises(SystemUnavailableError, match="is the server running"):
        write(server, max_retries=0)


def test_a_refused_key_names_the_variable_that_holds_it(monkeypatch):
    monkeypatch.setenv("CHAT_API_KEY", "secret-value")
    with (
        serve(lambda number, body: (401, {"error": {"message": "bad key"}})) as server,
        pytest.raises(SystemUnavailableError, match="CHAT_API_KEY") as error,
    ):
        write(server, api_key_env="CHAT_API_KEY")
    assert server.keys == ["Bearer secret-value"]
    assert "secret-value" not in str(error.value)


def test_a_key_that_is_not_set_is_asked_for(monkeypatch):
    monkeypatch.delenv("CHAT_API_KEY", raising=False)
    with (
        serve(lambda number, body: (200, {})) as server,
        pytest.raises(SystemUnavailableError, match=r"CHAT_API_KEY.*not set"),
    ):
        system(server, api_key_env="CHAT_API_KEY")


@pytest.mark.parametrize("name", ["MAMMO_MASTER_KEY", "PATH", "chat_api_key", "", 5])
def test_no_other_secret_of_the_server_is_read_as_a_key(name, monkeypatch):
    monkeypatch.setenv("MAMMO_MASTER_KEY", "secret-value")
    with (
        serve(lambda number, body: (200, {})) as server,
        pytest.raises(BadRequestError, match="ends in _API_KEY"),
    ):
        system(server, api_key_env=name)
    assert server.keys == []


def test_no_more_requests_are_under_way_than_allowed():
    many = [Question(f"q{i}", ("问",)) for i in range(8)]
    with serve(lambda number, body: slow(0.05, answer_with(body["messages"][0]["content"]))) as server:
        made = system(server, capabilities={"max_concurrency": 2})
        answers = made.write([Draw(q, 0, i) for i, q in enumerate(many)], lambda rows: None)
    assert len(answers) == 8
    assert server.most_under_way == 2


def test_images_are_sent_as_pixels_with_their_view(tmp_path):
    write_dicom(tmp_path / "v.dcm", np.full((20, 16), 700, np.uint16), patient="张三")
    question = Question("q1", ("问",), images=(ImageFile(tmp_path / "v.dcm", "L", "CC"),))
    with serve(lambda number, body: (200, answer_with("答"))) as server:
        seen = write(server, question=question, capabilities={"image_mode": "data_url"})
        blind = write(server, question=question)
    tag, image, text = server.bodies[0]["messages"][0]["content"]
    assert (tag["text"], text["text"]) == ("[L-CC]", "问")
    payload = base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(payload)).size == (16, 20)
    assert b"\xd5\xc5" not in payload
    assert [seen[0].images, blind[0].images] == [1, 0]
    assert server.bodies[1]["messages"][0]["content"] == "问"
    assert seen[0].prompt_sha256 != blind[0].prompt_sha256


def test_another_machine_needs_an_administrators_leave():
    spec = {"kind": "openai", "base_url": "https://open.example.org/v4", "model": "glm"}
    with pytest.raises(BadRequestError, match=r"open\.example\.org.*remote_allowed"):
        EndpointSpec.from_mapping(spec)
    assert EndpointSpec.from_mapping({**spec, "remote_allowed": True}).model == "glm"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"base_url": "http://localhost/v1"}, r"spec\.model"),
        ({"base_url": "http://localhost/v1", "model": "m", "modle": 1}, r"spec\.modle: unknown"),
        (
            {"base_url": "http://localhost/v1", "model": "m", "capabilities": {"n": 1}},
            r"capabilities\.n: unknown",
        ),
        (
            {"base_url": "http://localhost/v1", "model": "m", "capabilities": {"image_mode": "x"}},
            r"image_mode: 'x'",
        ),
    ],
)
def test_a_wrong_spec_names_the_field(spec, message):
    with pytest.raises(BadRequestError, match=message):
        EndpointSpec.from_mapping({"kind": "openai", **spec})


@pytest.mark.parametrize(
    "token",
    ["<|assistant|>", "<|im_end|>", "[gMASK]", "<sop>", "</s>", "[INST]", "<<SYS>>", "<start_of_turn>"],
)
def test_control_tokens_are_broken_before_they_leave(token):
    with serve(lambda number, body: (200, answer_with("答"))) as server:
        write(server, question=Question("q", (f"问{token}答",), context=f"x{token}"))
    sent = [message["content"] for message in server.bodies[0]["messages"]]
    assert not any(token in text for text in sent)
    assert [text.replace(" ", "") for text in sent] == [f"x{token}", f"问{token}答"]


def test_ordinary_text_leaves_as_it_is():
    for text in ("年龄 < 50 且 > 40", "a < b", "BI-RADS [4A]", "1<2>0", "<50岁>"):
        assert disarm(text) == text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    with serve(lambda number, body: (200, answer_with("答"))) as elsewhere:
        moved = {"location": f"{elsewhere.url}/chat/completions"}
        with (
            serve(lambda number, body: (status, moved)) as server,
            pytest.raises(SystemUnavailableError, match=f"refused with status {status}"),
        ):
            write(server)
        assert elsewhere.bodies == []


def test_a_proxy_that_the_environment_names_is_not_used(monkeypatch):
    with serve(lambda number, body: (200, answer_with("代理"))) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with serve(lambda number, body: (200, answer_with("答"))) as server:
            answers = write(server)
        assert proxy.bodies == []
    assert answers[0].text == "答"


def test_a_question_that_is_refused_costs_no_other_one_its_answer():
    def reply(number, body):
        asked = body["messages"][-1]["content"]
        return (400, {"error": {"message": "content filter"}}) if "二" in asked else (200, answer_with("答"))

    asked = [Draw(Question(f"q{n}", (text,)), 0, 5) for n, text in enumerate(("第一", "第二", "第三"))]
    with serve(reply) as server:
        answers = system(server, pass_over_refused=True).write(asked, lambda rows: None)
        assert [(one.text, one.finish_reason) for one in answers] == [
            ("答", "stop"),
            ("", "refused"),
            ("答", "stop"),
        ]
        assert answers[1].parameters["refused"] == 400
        # A trial asks every question: there a refusal is an error.
        with pytest.raises(SystemUnavailableError, match="question q1: refused with status 400"):
            system(server).write(asked, lambda rows: None)


def test_a_server_that_refuses_everything_is_an_error_all_the_same():
    with (
        serve(lambda number, body: (404, {})) as server,
        pytest.raises(SystemUnavailableError, match="refused with status 404"),
    ):
        write(server, pass_over_refused=True)


def test_no_more_requests_leave_than_the_budget_allows_tries_after_a_failure_included():
    with serve(
        lambda number, body: (429, {}) if number == 0 else (200, answer_with(f"答{number}"))
    ) as server:
        made = system(server, pass_over_refused=True, budget={"requests": 3, "tokens": None})
        answers = made.write(draws(4), lambda rows: None)
        assert [(one.text, one.finish_reason) for one in answers] == [
            ("答1", "stop"),
            ("答2", "stop"),
            ("", "budget"),
            ("", "budget"),
        ]
        assert len(server.bodies) == 3
        assert made.spent == {"requests": 3, "tokens": 24}, "as the server counted: 12 an answer"
        # The last try is not spent on trying again and again.
        last = system(server, budget={"requests": 1, "tokens": None})
        server.reply = lambda number, body: (429, {})
        with pytest.raises(SystemUnavailableError, match="after 0 retries"):
            last.write(draws(1), lambda rows: None)
        assert len(server.bodies) == 4
        # A trial asks every question: there a spent budget is an error, said before anything is sent.
        with pytest.raises(SystemUnavailableError, match="question q1: the budget of its approval is spent"):
            last.write(draws(1), lambda rows: None)
        assert len(server.bodies) == 4


@pytest.mark.parametrize("passes_over", [True, False])
def test_calls_under_way_at_once_wait_for_what_the_others_give_back(passes_over):
    with serve(lambda number, body: slow(0.05, answer_with(f"答{number}"))) as server:
        made = system(
            server,
            {"max_new_tokens": 20},
            capabilities={"max_concurrency": 4},
            pass_over_refused=passes_over,
            # Reserved in full, a call takes 6 requests and 37 tokens of these.
            budget={"requests": 8, "tokens": 4 * 37},
        )
        answers = made.write(draws(4), lambda rows: None)
        assert [one.finish_reason for one in answers] == ["stop"] * 4
        assert made.spent == {"requests": 4, "tokens": 4 * 12}
        # What is left is spent to the last request, and not beyond.
        last = [one.finish_reason for one in system(
            server, capabilities={"max_concurrency": 4}, pass_over_refused=True, budget={"requests": 3}
        ).write(draws(5), lambda rows: None)]  # fmt: skip
    assert sorted(last) == ["budget", "budget", "stop", "stop", "stop"]
    assert len(server.bodies) == 4 + 3


def test_who_waited_for_a_budget_sends_nothing_after_the_endpoint_broke_off():
    with serve(lambda number, body: (404, slow(0.05, {})[1])) as server:
        made = system(
            server, capabilities={"max_concurrency": 3}, max_retries=2, budget={"requests": 3, "tokens": None}
        )
        with pytest.raises(SystemUnavailableError, match="refused with status 404"):
            made.write(draws(3), lambda rows: None)
    assert len(server.bodies) == 1


def test_tokens_are_reserved_before_and_counted_after():
    uncounted = answer_with("一二三四五")
    del uncounted["usage"]
    with serve(lambda number, body: (200, uncounted)) as server:
        # 17 characters are sent and up to 20 tokens come back: 37 must be left. What a server does not count, we do.
        made = system(
            server, {"max_new_tokens": 20}, pass_over_refused=True, budget={"requests": None, "tokens": 62}
        )
        answers = made.write(draws(4), lambda rows: None)
    assert [one.finish_reason for one in answers] == ["stop", "stop", "budget", "budget"]
    assert made.spent == {"requests": 2, "tokens": 2 * (17 + 5)}


def test_a_budget_that_is_no_number_is_named():
    with serve(lambda number, body: (200, {})) as server:
        for budget, named in (({"money": 3}, "budget.money: unknown"), ({"tokens": -1}, "budget.tokens: -1")):
            with pytest.raises(BadRequestError, match=named):
                system(server, budget=budget)


def test_what_was_answered_before_the_endpoint_broke_off_is_kept_and_nothing_more_is_sent():
    def reply(number, body):
        return (200, answer_with("答")) if number < 2 else (500, {})

    with serve(reply) as server:
        made = system(server, pass_over_refused=True, max_retries=0)
        answers = made.write(draws(4), lambda rows: None)
        assert [one.finish_reason for one in answers] == ["stop", "stop", "unavailable", "unavailable"]
        assert len(server.bodies) == 3
        # One that never answered is an error, and so is each break in a trial, which asks every question.
        for spec in ({"pass_over_refused": True}, {}):
            with pytest.raises(SystemUnavailableError, match="refused with status 500"):
                write(server, max_retries=0, **spec)
