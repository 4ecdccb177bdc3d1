package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"radagora/web"
	"radagora/web/webtest"
)

// dosePages are the addresses of the dose section beyond the table, and a text that
// the made-up installation has there.
var dosePages = []struct{ address, text string }{
	{"/dose/charts", "Example head"},
	{"/dose/charts?kind=histogram", "Example head"},
	{"/dose/charts?kind=trend", "Example head"},
	{"/dose/charts?kind=curve", "Example head"},
	{"/dose/charts?kind=workload", "<svg"},
	{"/dose/charts?kind=spread&by=protocol&scale=linear", "Example head"},
	{"/dose/levels", "Example notice"},
	{"/dose/levels/set?id=s-draft", "Example authority"},
	{"/dose/levels/set?id=s-draft&row=row2", "12 on the page"},
	{"/dose/levels/set?id=s-local&from=2031-04-01", "480"},
	{"/dose/levels/set?id=s-old", "Example typical values"},
	{"/dose/levels/set?id=example-levels-2030", "Example levels"},
	{"/dose/levels/proposal", "338"},
	{"/dose/cases", "EXAMPLE_DLP"},
	{"/dose/cases?show=all", "EXAMPLE_DLP"},
	{"/dose/cases/1", "large patient"},
	{"/dose/cases/2", "Person One"},
	{"/dose/cases/3", "EXAMPLE_DLP"},
	{"/dose/cases/2/letter", "Example site"},
	{"/dose/rules", "a made-up duty"},
	{"/dose/drift", "CT 1"},
	{"/dose/drift?machine=m1&exam=X_HEAD&quantity=dlp", "<svg"},
	{"/dose/drift?machine=m2&exam=X_HEAD&quantity=dlp", "Too few"},
	{"/dose/quality", "Example scanner with a name"},
	{"/dose/quality/flagged?flag=method_mixed", "Example scanner"},
	{"/dose/quality/devices/m1", "Example scanner with a name"},
	{"/dose/quality/devices/m1/test", "Example head"},
	{"/dose/quality/tests/t1", "Example scanner"},
	{"/dose/protocols", "Example head"},
	{"/dose/protocols/versions/pr1", "120"},
	{"/dose/protocols/compare?a=pr1&b=pr2", "CT 2 Example head"},
	{"/dose/protocols/compare?a=pr1&b=pr2&all=yes", "pitch"},
	{"/dose/protocols/checks", "1000"},
	{"/dose/entry", "7.5 cGy.cm2"},
	{"/dose/entry?correct=n1", "7.5 cGy.cm2"},
	{"/dose/entry/reconcile?id=b1", "299"},
}

// TestDosePages opens each with data, with none and while its room is broken, in
// every language: what is there is shown, and what is not is said.
func TestDosePages(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*webtest.World)
		want   func(code int) bool
	}{
		{"with data", func(*webtest.World) {}, func(code int) bool { return code == http.StatusOK }},
		{"with none", func(w *webtest.World) { w.Empty = true }, func(code int) bool { return code == http.StatusOK || code == http.StatusNotFound }},
		{"broken", func(w *webtest.World) { w.Broken = true }, func(code int) bool { return code == http.StatusServiceUnavailable }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, func(_ *web.Config, w *webtest.World) { tt.change(w) })
			for _, d.language = range []string{"en", "de", "fr", "qps-long"} {
				for _, p := range dosePages {
					w := d.do(http.MethodGet, p.address, nil, nil)
					body := w.Body.String()
					if !tt.want(w.Code) {
						t.Errorf("%s %s: status %d\n%s", d.language, p.address, w.Code, d.log)
					}
					if tt.name == "with data" && d.language == "en" && !strings.Contains(body, p.text) {
						t.Errorf("%s does not say %q", p.address, p.text)
					}
					if strings.Contains(body, "%!") || strings.Contains(body, "NaN") {
						t.Errorf("%s %s prints what is no text", d.language, p.address)
					}
				}
			}
			if missing := d.catalogue.Missing(); len(missing) > 0 {
				t.Errorf("missing from the catalogue: %q", missing)
			}
		})
	}
}

// TestDoseSection says how the pages of doses stand in the navigation: an entry for
// each part, and the pages of a part as tabs.
func TestDoseSection(t *testing.T) {
	d := newDesk(t, nil)
	for _, tt := range []struct {
		address, entry string
		tabs           []string
		current        string
	}{
		{"/dose/ct", `<a href="/dose/ct" aria-current="page">Doses</a>`, []string{"/dose/ct", "/dose/charts"}, "/dose/ct"},
		{"/dose/drift", `<a href="/dose/cases" aria-current="true">Review</a>`, []string{"/dose/cases", "/dose/drift", "/dose/rules"}, "/dose/drift"},
		{"/dose/entry", `<a href="/dose/quality" aria-current="true">Quality</a>`, []string{"/dose/quality", "/dose/entry"}, "/dose/entry"},
		{"/dose/mapping", `<a href="/dose/levels" aria-current="true">Reference</a>`, []string{"/dose/levels", "/dose/mapping", "/dose/protocols"}, "/dose/mapping"},
		{"/dose/cases/1", `<a href="/dose/cases" aria-current="page">Review</a>`, nil, ""},
		{"/settings/rooms", "", nil, ""},
	} {
		body := d.get(tt.address, 200)
		if !strings.Contains(body, tt.entry) {
			t.Errorf("%s: the navigation lacks %s", tt.address, tt.entry)
		}
		_, tabs, there := strings.Cut(body, `<nav class="tabs"`)
		tabs, _, _ = strings.Cut(tabs, "</nav>")
		if there != (tt.tabs != nil) {
			t.Errorf("%s: tabs %v", tt.address, there)
		}
		for _, tab := range tt.tabs {
			want := `<a href="` + tab + `">`
			if tab == tt.current {
				want = `<a href="` + tab + `" aria-current="page">`
			}
			if !strings.Contains(tabs, want) {
				t.Errorf("%s: the tabs lack %s", tt.address, want)
			}
		}
	}
}

// TestDoseChanges sends each form of the dose section: where it leads, and that a
// refusal comes back as words and not as a broken page.
func TestDoseChanges(t *testing.T) {
	d := newDesk(t, nil)
	for _, tt := range []struct {
		name, address string
		form          url.Values
		status        int
		want          string // in the address it leads to, or on the page
	}{
		{"a set begins", "/dose/levels", url.Values{"name": {"S"}}, 303, "/dose/levels/set?"},
		{"a set without a name", "/dose/levels", url.Values{}, 400, "a set has a name"},
		{"a set with a wrong row keeps the row", "/dose/levels", url.Values{"name": {"S"}, "table": {"exam_code\tvalue\nX\twrong\nX\t3\n"}}, 400, "X\twrong"},
		{"a row is typed", "/dose/levels/rows", url.Values{"id": {"s-draft"}, "do": {"type"}, "value": {"3"}}, 303, "levels_typed"},
		{"a wrong row", "/dose/levels/rows", url.Values{"id": {"s-draft"}, "do": {"type"}, "value": {"wrong"}}, 400, "wrong"},
		{"a row is removed", "/dose/levels/rows", url.Values{"id": {"s-draft"}, "do": {"remove"}, "row": {"row1"}}, 303, "levels_removed"},
		{"a second person compares", "/dose/levels/check", url.Values{"id": {"s-draft"}, "do": {"same"}, "row": {"row2"}}, 303, "levels_compared"},
		{"nobody compares what they typed", "/dose/levels/check", url.Values{"id": {"s-draft"}, "do": {"same"}, "row": {"row3"}}, 400, "does not check it"},
		{"a set is released", "/dose/levels/check", url.Values{"id": {"s-draft"}, "do": {"release"}}, 303, "levels_released"},
		{"a set governs", "/dose/levels/govern", url.Values{"id": {"s-local"}, "do": {"govern"}, "from": {"2031-04-01"}}, 303, "done=governs"},
		{"a set ends", "/dose/levels/govern", url.Values{"id": {"s-local"}, "do": {"withdraw"}, "reason": {"made up"}}, 303, "levels_ended"},
		{"a proposal becomes a draft", "/dose/levels/proposal", url.Values{"kind": {"local"}, "name": {"S"}}, 303, "id=s-draft"},
		{"a case is decided", "/dose/cases/1", url.Values{"version": {"1"}, "tap": {"large patient"}}, 303, "/dose/cases"},
		{"a case sleeps", "/dose/cases/1/snooze", url.Values{"day": {"2031-04-01"}, "why": {"made up"}}, 303, "/dose/cases"},
		{"the skin is looked at", "/dose/cases/2/check", url.Values{"version": {"0"}, "result": {"seen"}}, 303, "/dose/cases/2"},
		{"several cases at once", "/dose/cases/justify", url.Values{"n": {"1"}, "tap": {"large patient"}}, 303, "batch=b1"},
		{"and back", "/dose/cases/undo", url.Values{"batch": {"b1"}}, 303, "/dose/cases"},
		{"a calibration", "/dose/quality/devices/m1/calibration", url.Values{"quantity": {"dlp"}, "factor": {"1.02"}}, 303, "/dose/quality/devices/m1"},
		{"a basis", "/dose/quality/basis", url.Values{"basis": {"corrected"}}, 303, "/dose/quality"},
		{"a signed test", "/dose/quality/devices/m1/test", url.Values{"result": {"accepted"}}, 303, "/dose/quality/tests/t1"},
		{"an action is proposed", "/dose/protocols/propose", url.Values{"a": {"pr1"}, "b": {"pr2"}, "why": {"made up"}}, 303, "/dose/protocols"},
		{"an action without a reason", "/dose/protocols/propose", url.Values{"a": {"pr1"}, "b": {"pr2"}}, 400, "CT 2 Example head"},
		{"a dose is typed in", "/dose/entry", url.Values{"machine": {"m1"}, "day": {"2031-03-01"}}, 303, "entry_entered"},
		{"a wrong dose", "/dose/entry", url.Values{"machine": {"wrong"}, "day": {"2031-03-01"}}, 400, `value="wrong"`},
		{"an entry is taken back", "/dose/entry/withdraw", url.Values{"id": {"n1"}, "why": {"made up"}}, 303, "entry_withdrawn"},
		{"an import is taken back", "/dose/entry/undo", url.Values{"id": {"b1"}}, 303, "entry_undone"},
		{"an import is signed", "/dose/entry/reconcile", url.Values{"id": {"b1"}}, 303, "entry_signed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			location, body := d.post(tt.address, tt.form, tt.status)
			if !strings.Contains(location+body, tt.want) {
				t.Errorf("leads to %q; want %q", location, tt.want)
			}
		})
	}
}

// TestProtocolExport takes the register and a comparison along, and is told what is missing.
func TestProtocolExport(t *testing.T) {
	d := newDesk(t, nil)
	if body := d.get("/dose/protocols/compare?a=pr1.1&b=pr1.2", 200); !strings.Contains(body, "part=effects") || !strings.Contains(body, "part=settings") {
		t.Error("the comparison offers no files")
	}
	for _, tt := range []struct {
		name, query string
		status      int
		want        string
	}{
		{"the register", "", 200, "layout,register,,"},
		{"the settings of a comparison", "?part=settings&format=xlsx&a=pr1.1&b=pr1.2", 200, "layout,settings,pr1,pr1"},
		{"a comparison with one side", "?part=effects&a=pr1.1", 400, ""},
		{"no such part", "?part=people", 400, ""},
		{"no such format", "?format=exe", 400, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			if body := d.get("/dose/protocols/export"+tt.query, tt.status); !strings.Contains(body, tt.want) {
				t.Errorf("got %q; want %q", body, tt.want)
			}
		})
	}
}
