package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"radagora/web"
	"radagora/web/webtest"
)

// auditPages are the addresses of audits, and a text that the made-up installation has there.
var auditPages = []struct{ address, text string }{
	{"/quality/audits", "overdue by 4 days"},
	{"/quality/audits?year=2031", "Example door"},
	{"/quality/audits/templates", "to confirm: Example act 2"},
	{"/quality/audits/1", "Standard, target and sample"},
	{"/quality/audits/2", "Cohen’s kappa 0.5"},
	{"/quality/audits/3", "<svg"},
	{"/quality/audits/2/cases", "Readers disagree"},
	{"/quality/audits/3/cases", "Why it failed"},
	{"/quality/audits/3/cases?show=all", "good-case"},
	{"/quality/inspection", "1 of 2"},
}

// TestAuditPages opens each with data, with none and while the room is broken, in every
// language.
func TestAuditPages(t *testing.T) {
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
			d := newDesk(t, func(c *web.Config, w *webtest.World) { tt.change(w); c.Audits = webtest.Audits{World: w} })
			for _, d.language = range []string{"en", "de", "fr", "qps-long"} {
				for _, p := range auditPages {
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
		})
	}
}

// TestAuditForms posts every form: what is taken leads on, what is wrong is said where it
// was typed.
func TestAuditForms(t *testing.T) {
	d := newDesk(t, func(c *web.Config, w *webtest.World) { c.Audits = webtest.Audits{World: w} })
	for _, tt := range []struct {
		name, address string
		form          url.Values
		status        int
		want          string
	}{
		{"an audit is planned", "/quality/audits", url.Values{"template": {"X_DOOR"}, "reason": {"r"}}, 303, "/quality/audits/1"},
		{"without a reason", "/quality/audits", url.Values{"reason": {"wrong"}}, 400, "made up: wrong"},
		{"in no year", "/quality/audits", url.Values{"year": {"soon"}}, 400, "four digits"},
		{"a template", "/quality/audits/templates", url.Values{"target": {"90"}, "months": {"3"}}, 303, "/templates"},
		{"a template without a number", "/quality/audits/templates", url.Values{"target": {"most"}, "months": {"3"}}, 400, "whole number"},
		{"a wrong template", "/quality/audits/templates", url.Values{"target": {"90"}, "months": {"3"}, "standard": {"wrong"}}, 400, "made up: wrong"},
		{"a step", "/quality/audits/2", url.Values{"do": {"analyse"}}, 303, "/quality/audits/2"},
		{"a wrong step", "/quality/audits/2", url.Values{"do": {"report"}, "text": {"wrong"}}, 400, "made up: wrong"},
		{"an answer", "/quality/audits/2/cases", url.Values{"do": {"answer"}, "case": {"1"}, "verdict": {"yes"}}, 303, "/cases"},
		{"an answer to no case", "/quality/audits/2/cases", url.Values{"do": {"answer"}, "case": {"first"}}, 400, "whole number"},
		{"a wrong answer", "/quality/audits/2/cases", url.Values{"do": {"answer"}, "case": {"1"}, "text": {"wrong"}}, 400, "made up: wrong"},
		{"a duty", "/quality/inspection/duty", url.Values{"id": {"XD1"}}, 303, "/quality/inspection"},
		{"a wrong duty", "/quality/inspection/duty", url.Values{"national": {"wrong"}}, 400, "made up: wrong"},
		{"a visit", "/quality/inspection/visits", url.Values{"body": {"b"}, "findings": {"one\n\ntwo"}}, 303, "/quality/inspection"},
		{"a finding", "/quality/inspection/visits/1", url.Values{"finding": {"1"}}, 303, "/quality/inspection"},
		{"no finding", "/quality/inspection/visits/1", url.Values{"finding": {"first"}}, 400, "whole number"},
		{"a signature", "/quality/inspection/sign", url.Values{"as": {"Person One"}, "mock": {"yes"}}, 303, "/quality/inspection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			location, body := d.post(tt.address, tt.form, tt.status)
			if !strings.Contains(location+body, tt.want) {
				t.Errorf("leads to %q; want %q", location, tt.want)
			}
		})
	}
	for address, want := range map[string]int{
		"/quality/audits/3/report": 200, "/quality/inspection/packs/1": 200, "/quality/inspection/packs/1?format=json": 200,
		"/quality/inspection/packs/1?format=exe": 400, "/quality/audits/x": 404, "/quality/audits/9": 404, "/quality/audits?year=soon": 400,
	} {
		if w := d.do(http.MethodGet, address, nil, nil); w.Code != want {
			t.Errorf("%s: status %d, want %d", address, w.Code, want)
		}
	}
}
