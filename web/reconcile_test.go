package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
	"radagora/web/webtest"
)

// The studies of the made-up installation that are in doubt, and the series of one.
const (
	doubtful = "2.25.4001"
	series1  = "2.25.4001.1"
)

// doubts knows two studies in doubt, or none.
type doubts struct {
	told
	page web.ReconcilePage
}

func (d *doubts) Reconcile(context.Context, string) (web.ReconcilePage, error) { return d.page, nil }

func (d *doubts) Case(_ context.Context, _, study string) (web.ReconcileCase, error) {
	for _, c := range d.page.Cases {
		if c.Study == study {
			return c, nil
		}
	}
	return web.ReconcileCase{}, fault.Errorf(fault.NotFound, "no such study")
}

func (d *doubts) From(_ context.Context, _, from string) (web.Named, string, error) {
	if from != "order:O1" {
		return web.Named{}, "", fault.Errorf(fault.NotFound, "no such order")
	}
	return web.Named{PatientID: "P-3", Name: "DRITTE^CLARA", Accession: "A3"}, "order A3", nil
}

// refuses is what both forms refuse.
func (d *doubts) refuses(x web.ReconcileDecision) error {
	wrong := map[string]string{}
	if x.Reason == "" {
		wrong["reason"] = "reconcile.wrong_reason"
	}
	if x.Is.Birth == "1970" {
		wrong["birth"] = "reconcile.wrong_value"
	}
	if len(wrong) > 0 {
		return web.Refuse(wrong)
	}
	return nil
}

func (d *doubts) Effects(_ context.Context, x web.ReconcileDecision) ([]web.ReconcileEffect, error) {
	if err := d.refuses(x); err != nil {
		return nil, err
	}
	return []web.ReconcileEffect{{Label: "2 Scout", Instances: 3, Own: x.Own, Changes: []web.CoercionChange{{Attribute: "Patient ID", Before: "P-1", After: x.Is.PatientID}}}}, nil
}

func (d *doubts) Decide(_ context.Context, x web.ReconcileDecision) error {
	if err := d.refuses(x); err != nil {
		return err
	}
	return d.note(x.Do, x.Study, x.Series, x.ID, x.Kind, x.Order, x.Title, x.Other, x.Is.PatientID, x.Is.Birth, x.Is.Sex, fmt.Sprint(x.Own), x.Reason)
}

// inDoubt returns a page with two studies and what was decided.
func inDoubt() *doubts {
	return &doubts{page: web.ReconcilePage{
		Days: 30,
		Cases: []web.ReconcileCase{
			{
				Study: doubtful, Kind: "two_patients", Date: "1 Mar 2031", Description: "Example head", Modalities: "CT", Instances: 12,
				Says: web.Named{PatientID: "P-1", Issuer: "NORTH", Name: "ERSTE^ANNA", Birth: "1970-01-01", Sex: "F", Accession: "A1"},
				Evidence: []web.Evidence{
					{Kind: "series", Label: "2 Scout", Series: series1, Identity: web.Named{PatientID: "P-2", Name: "ZWEITE^BERTA", Birth: "1970-01-01"}},
					{Kind: "order", Label: "A3", From: "order:O1", Identity: web.Named{PatientID: "P-3", Name: "DRITTE^CLARA"}},
				},
				Orders: []face.Choice{{Code: "O1", Label: "A3 Example head"}}, Titles: []face.Choice{{Code: "113037", Label: "Rejected for Patient Safety"}},
				Others: []face.Choice{{Code: "|P-2", Label: "P-2"}},
				Links:  []web.Reconciled{{ID: "l1", Kind: "distinct", What: "P-1 and P-9", By: "Person One", Reason: "twins", At: day}},
			},
			{Study: "2.25.4002", Kind: "unmatched", Reason: "none", Date: "2 Mar 2031", Description: "Example chest", Modalities: "DX", Instances: 1},
		},
		Decided: []web.Reconciled{
			{ID: "c1", Kind: "correction", Study: "2.25.4003", What: "Patient ID", By: "Person One", Reason: "typed wrong", At: day},
			{ID: "c2", Kind: "split", Study: "2.25.4004", What: "Patient ID", By: "Person Two", Reason: "next on the table", At: day, Undone: true},
		},
	}}
}

// reconcileDesk returns pages that know studies in doubt.
func reconcileDesk(t *testing.T, r *doubts) *desk {
	t.Helper()
	return newDesk(t, func(c *web.Config, _ *webtest.World) { c.Reconcile = r })
}

func TestReconcilePage(t *testing.T) {
	r := inDoubt()
	d := reconcileDesk(t, r)
	wants(t, d.get("/images/reconcile", 200), []string{
		"Studies of the last 30 days", "ERSTE ANNA", "Two patients in one study", "No name", "Fits no order", "There is no order it could belong to.",
		"ZWEITE BERTA", "differs", `href="/images/reconcile/` + doubtful + `"`, "typed wrong", "Person Two", "undone", `value="c1"`,
	}, []string{"No patient is in doubt", `value="c2"`, "ERSTE^ANNA"})
	r.page = web.ReconcilePage{Days: 30}
	wants(t, d.get("/images/reconcile", 200), []string{"No patient is in doubt", "Nothing was corrected yet"}, []string{`name="id"`})
	for _, language := range []string{"de", "fr"} {
		d.language = language
		wants(t, d.get("/images/reconcile", 200), nil, []string{"No patient is in doubt", "reconcile."})
	}
}

func TestReconcileCase(t *testing.T) {
	d := reconcileDesk(t, inDoubt())
	body := d.get("/images/reconcile/"+doubtful, 200)
	wants(t, body, []string{
		"Example head", "Some images name another patient than others", "NORTH | P-1", "2 Scout", `value="` + series1 + `"`, `name="own"`,
		`value="ERSTE^ANNA"`, "A3 Example head", "Rejected for Patient Safety", "They are two persons", "twins", `value="l1"`, "Take it off the list",
		"?from=order%3AO1#correct-h", "/images/studies/" + doubtful,
	}, []string{"What the correction would change"})
	wants(t, d.get("/images/reconcile/"+doubtful+"?from="+url.QueryEscape("order:O1"), 200), []string{"Filled in from order A3", `value="DRITTE^CLARA"`, `value="P-3"`}, []string{`value="ERSTE^ANNA"`})
	wants(t, d.get("/images/reconcile/"+doubtful+"?order=O1", 200), []string{"Filled in from order A3"}, nil)
	d.get("/images/reconcile/"+doubtful+"?order=O9", http.StatusNotFound)
	d.get("/images/reconcile/2.25.9", http.StatusNotFound)
	wants(t, d.get("/images/reconcile/2.25.4002", 200), []string{"Example chest"}, []string{"Match to an order", "The same person under another ID"})
}

func TestReconcileDecisions(t *testing.T) {
	r := inDoubt()
	d := reconcileDesk(t, r)
	form := func(do string, more ...string) url.Values {
		f := url.Values{"do": {do}, "study": {doubtful}, "reason": {" mistyped "}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	_, body := d.post("/images/reconcile", form("preview", "patient_id", "P-7", "own", "1", "series", series1), http.StatusOK)
	wants(t, body, []string{"What the correction would change", "gets a study of its own", "3 images", "P-7", "Nothing was changed yet"}, []string{"This was not saved."})
	if len(r.told) > 0 {
		t.Errorf("looking decided something: %v", r.told)
	}
	for _, c := range []struct {
		name string
		form url.Values
		want []string
	}{
		{"no reason", form("correct", "reason", " ", "name", "NEUE^NAME"), []string{"Say why.", `value="NEUE^NAME"`}},
		{"a date that is none", form("correct", "birth", "1970"), []string{"cannot stand in DICOM", `value="1970"`, "mistyped"}},
		{"nothing of it when looked at", form("preview", "reason", ""), []string{"Say why."}},
	} {
		_, body := d.post("/images/reconcile", c.form, http.StatusBadRequest)
		wants(t, body, c.want, []string{"What the correction would change"})
	}
	if len(r.told) > 0 {
		t.Errorf("what was refused was done: %v", r.told)
	}
	for _, c := range []struct {
		form url.Values
		to   string
		told string
	}{
		{form("correct", "patient_id", " P-7 ", "birth", "1970-01-31", "sex", "f", "series", series1, "own", "1"), "/images/reconcile?done=reconcile_correct", "correct " + doubtful + " " + series1 + "      P-7 19700131 F true mistyped"},
		{form("match", "order", "O1"), "/images/reconcile?done=reconcile_match", "match " + doubtful + "    O1      false mistyped"},
		{form("reject", "title", "113037"), "/images/reconcile?done=reconcile_reject", "reject " + doubtful + "     113037     false mistyped"},
		{form("link", "other", "|P-2", "kind", "distinct"), "/images/reconcile/" + doubtful + "?done=reconcile_link", "link " + doubtful + "   distinct   |P-2    false mistyped"},
		{form("unlink", "id", "l1"), "/images/reconcile/" + doubtful + "?done=reconcile_unlink", "unlink " + doubtful + "  l1        false mistyped"},
		{form("dismiss", "kind", "two_patients"), "/images/reconcile?done=reconcile_dismiss", "dismiss " + doubtful + "   two_patients       false mistyped"},
		{url.Values{"do": {"undo"}, "id": {"c1"}, "reason": {"mistyped"}}, "/images/reconcile?done=reconcile_undo", "undo   c1        false mistyped"},
	} {
		r.told = nil
		to, _ := d.post("/images/reconcile", c.form, http.StatusSeeOther)
		if to != c.to || len(r.told) != 1 || r.told[0] != c.told {
			t.Errorf("%s leads to %q and did %q; want %q", c.form.Get("do"), to, r.told, c.told)
		}
		if body := d.get(to, 200); strings.Contains(body, "done.reconcile") {
			t.Errorf("%s: the page does not say that it was done", to)
		}
	}
}
