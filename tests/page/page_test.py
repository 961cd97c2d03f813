"""Drives the page in a real headless browser against a running server.

usage: page_test.py --base-url http://127.0.0.1:8080 [--screenshots DIR] [--browser /usr/bin/chromium]
Prints one line a check and `N passed, N failed` at the end.
"""
import argparse
import pathlib
import re
import sys
import time

from playwright.sync_api import expect, sync_playwright

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def ask(page, text):
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def answer_done(page, timeout=60_000):
    expect(page.locator("#send")).to_be_visible(timeout=timeout)
    return page.locator(".message.assistant").last


@check
def the_page_says_ready_and_lists_a_model(page):
    expect(page.locator("#health-text")).to_have_text("ready", timeout=30_000)
    assert page.locator("#model option").count() >= 1


@check
def an_answer_streams_in_and_shows_its_figures(page):
    page.locator("summary", has_text="Settings").click()
    page.locator("#max-tokens").fill("24")
    page.locator("#temperature").fill("0")
    page.locator("summary", has_text="Settings").click()
    ask(page, "Say hello.")
    expect(page.locator(".message.assistant .content")).not_to_be_empty(timeout=60_000)
    figures = answer_done(page).locator(".figures").inner_text()
    assert "tokens/s" in figures and "first token" in figures, figures


@check
def stop_ends_a_long_answer_and_keeps_its_text(page):
    page.locator("#max-tokens").evaluate("e => e.value = 2000")
    ask(page, "Write a very long story about the sea.")
    expect(page.locator(".message.assistant .content").last).to_contain_text(re.compile(r"[\s\S]{20}"), timeout=60_000)
    page.keyboard.press("Escape")
    node = answer_done(page, 3_000)
    assert "stopped" in node.locator(".figures").inner_text()
    assert len(node.locator(".content").inner_text()) > 20


@check
def retry_makes_the_last_answer_anew(page):
    page.locator("#max-tokens").evaluate("e => e.value = 8")
    before = page.locator(".message").count()
    page.locator(".message.assistant").last.get_by_role("button", name="Retry").click()
    answer_done(page)
    assert page.locator(".message").count() == before
    assert "stopped" not in page.locator(".message.assistant").last.locator(".figures").inner_text()


@check
def a_reload_keeps_the_conversation(page):
    before = page.locator(".message").all_inner_texts()
    page.reload()
    end = time.monotonic() + 10  # what a message offers (to be spoken) comes with the server's answer
    while (after := page.locator(".message").all_inner_texts()) != before and time.monotonic() < end:
        time.sleep(0.05)
    assert after == before, (before, after)


@check
def an_error_is_shown_in_words(page):
    page.locator("#max-tokens").evaluate("e => e.value = 0")
    ask(page, "This must be refused.")
    expect(page.locator(".message.failed .problem")).to_contain_text("max_tokens", timeout=10_000)
    page.locator("#max-tokens").evaluate("e => e.value = 64")


@check
def text_is_never_parsed_as_html(page):
    page.get_by_role("button", name="New chat").click()
    page.locator("#max-tokens").evaluate("e => e.value = 1")
    ask(page, "<img src=x onerror=\"window.broken=1\"> **bold** `code`")
    answer_done(page)
    user = page.locator(".message.user").last
    assert user.locator("img").count() == 0 and page.evaluate("window.broken") is None
    assert user.locator("strong").inner_text() == "bold" and user.locator("code").inner_text() == "code"


@check
def the_system_view_shows_services_models_and_load(page):
    page.get_by_role("tab", name="System").click()
    expect(page.locator("#services tbody tr").first).to_be_visible()
    expect(page.locator("#models tbody tr").first).to_be_visible(timeout=10_000)
    expect(page.locator("#load")).to_contain_text("Running", timeout=10_000)


@check
def the_keyboard_reaches_everything(page):
    page.locator("#tab-system").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#view-chat")).to_be_visible()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "prompt"


@check
def rubbish_in_the_browsers_storage_does_not_stop_the_page(page):
    page.evaluate("localStorage.setItem('conversation', '{')")
    page.reload()
    expect(page.locator("#health-text")).to_have_text("ready", timeout=10_000)
    expect(page.locator("#empty")).to_be_visible()


@check
def the_system_view_polls_once_however_often_it_is_opened(page):
    for _ in range(4):
        page.get_by_role("tab", name="System").click()
        page.get_by_role("tab", name="Chat").click()
    page.get_by_role("tab", name="System").click()
    seen = []
    page.on("request", lambda request: seen.append(request.url) if request.url.endswith("/metrics") else None)
    page.wait_for_timeout(5_000)
    assert 1 <= len(seen) <= 4, f"{len(seen)} polls in 5 s, one every 2 s was expected"
    page.get_by_role("tab", name="Chat").click()


@check
def nothing_comes_from_another_host(page):
    hosts = page.evaluate("performance.getEntriesByType('resource').map(e => new URL(e.name).host)")
    assert set(hosts) <= {page.evaluate("location.host")}, hosts


def shots(page, folder):
    folder.mkdir(parents=True, exist_ok=True)
    page.get_by_role("button", name="New chat").click()
    page.locator("#max-tokens").evaluate("e => e.value = 96")
    ask(page, "Explain in three sentences why the sky is blue.")
    answer_done(page)
    page.screenshot(path=folder / "chat.png")
    page.get_by_role("tab", name="System").click()
    expect(page.locator("#load")).to_contain_text("Running", timeout=10_000)
    page.screenshot(path=folder / "system.png")
    page.emulate_media(color_scheme="dark")
    page.get_by_role("tab", name="Chat").click()
    page.screenshot(path=folder / "chat-dark.png")
    page.set_viewport_size({"width": 390, "height": 780})
    page.screenshot(path=folder / "chat-phone.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    options = parser.parse_args()
    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 760}, color_scheme="light")
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(options.base_url)
        for function in CHECKS:
            try:
                function(page)
                assert not problems, problems
                print(f"ok   {function.__name__}", flush=True)
            except Exception as error:  # each check reports; the next one goes on
                failed += 1
                problems.clear()
                print(f"FAIL {function.__name__}: {error}", flush=True)
        if options.screenshots and not failed:
            shots(page, options.screenshots)
        browser.close()
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
