"""What a reader does on the site: each story fails where it can't be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from playwright.sync_api import Page, expect

QUESTIONS: Mapping[str, str] = {
    "stuck": "/faq/",
    "terminating": "/howto/#a-namespace-is-stuck-in-terminating",
    "restore backup": "/howto/#restore-from-a-backup-with-new-uids",
    "move bucket to another store": "/howto/#move-a-tenant-from-one-store-to-another",
    "how much memory": "/howto/#know-how-much-memory-a-replica-needs",
    "access denied": "/howto/#ready-and-the-application-gets-access-denied",
    "two clusters one store": "/operations/#several-operators-and-stores",
    "uninstall": "/install/#uninstalling",
    "can I rotate by hand": "/faq/#can-i-rotate-by-hand",
    "dry run": "/howto/#dry-run-see-what-the-operator-would-do",
    "grafana dashboard": "/dashboard/",
}
"""What an operator types in the first week, and where the answer stands."""

# Of the results, each a page with its best section, on a laptop.
_SEEN = 5
_SCHEME_OF = {"light": "default", "dark": "slate"}


def follows_the_system(page: Page, site: str) -> None:
    """The scheme is the system's, also when that changes, until the reader chooses one."""
    page.goto(f"{site}/latest/")
    body = page.locator("body")
    for system in ("dark", "light"):
        page.emulate_media(color_scheme=system)
        expect(body).to_have_attribute("data-md-color-scheme", _SCHEME_OF[system])
    page.locator("label[title=Light]").click()
    page.locator("label[title=Dark]").click()
    expect(body).to_have_attribute("data-md-color-scheme", "slate")
    page.goto(f"{site}/latest/faq/")
    expect(body).to_have_attribute("data-md-color-scheme", "slate")


def search_finds(page: Page, site: str) -> None:
    """A word that is typed leads to a page that has it."""
    page.goto(f"{site}/latest/faq/")
    page.locator(".md-search__input").click()
    page.locator(".md-search__input").press_sequentially("signing_key")
    page.locator(".md-search-result__link").first.click()
    expect(page.locator("article mark").first).to_have_text("SIGNING_KEY", ignore_case=True)


def versions_are_offered(page: Page, site: str) -> None:
    """The root leads to the latest version, and a list on each page to the others."""
    page.goto(f"{site}/")
    page.wait_for_url(f"{site}/latest/")
    page.goto(f"{site}/latest/faq/")
    # The list covers what it is opened by.
    page.locator(".md-version__current").hover(force=True)
    links = page.locator(".md-version__link")
    expect(links).to_have_text(["0.2", "0.1"])
    expect(links.first).to_be_visible()


def what_is_missing_is_told(page: Page, site: str) -> None:
    """An address that leads nowhere shows the site's own page, with a way on."""
    answer = page.goto(f"{site}/latest/no/such/page/")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("404 - Not found")
    page.locator(".md-logo:visible").first.click()
    page.wait_for_url(f"{site}/latest/")


def questions_find_their_answers(page: Page, site: str) -> None:
    """What is asked in the first week is answered by what the search shows without scrolling."""
    page.goto(f"{site}/latest/")
    field = page.locator(".md-search__input")
    field.click()
    for question, answer in QUESTIONS.items():
        field.fill(question)
        # The search listens to keys.
        field.press("End")
        path, _, heading = answer.partition("#")
        # The question stands in between, to be marked on the page.
        link = f"a[href*='{path}']" + (f"[href$='#{heading}']" if heading else "")
        found = page.locator(f".md-search-result__item:nth-child(-n+{_SEEN}) {link}")
        expect(found.first, question).to_be_visible()


STORIES: tuple[Callable[[Page, str], None], ...] = (
    follows_the_system,
    search_finds,
    versions_are_offered,
    what_is_missing_is_told,
    questions_find_their_answers,
)
