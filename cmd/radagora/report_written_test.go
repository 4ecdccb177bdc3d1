package main

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"radagora/access"
	"radagora/fault"
	"radagora/worklist"
)

// TestReportByFHIR: a DiagnosticReport that a program writes stands on the line of life
// of its order and has a page with its text and documents, like one of a message.
func TestReportByFHIR(t *testing.T) {
	slow(t)
	d := openFHIR(t)
	subject := "Patient/" + d.want(201, "POST", "/Patient", fhirAnna).ID()
	order := d.want(201, "POST", "/ServiceRequest", strings.Replace(fhirOrder, "SUBJECT", subject, 1)).ID()
	other := "Patient/" + d.want(201, "POST", "/Patient", strings.NewReplacer("4711", "4712", "Anna", "Berta").Replace(fhirAnna)).ID()
	report := func(subject, about, more string) string {
		return `{"resourceType":"DiagnosticReport","status":"final","code":{"text":"CT thorax"},"subject":{"reference":"` + subject + `"},"issued":"2026-11-23T11:00:00Z",` + about + more + `}`
	}
	pdf := base64.StdEncoding.EncodeToString([]byte("%PDF-1.4"))
	id := d.want(201, "POST", "/DiagnosticReport", report(subject, `"basedOn":[{"reference":"ServiceRequest/`+order+`"}]`,
		`,"effectiveDateTime":"2026-11-23","resultsInterpreter":[{"display":"Rita Reader"}],"conclusion":"No nodules.",
		"presentedForm":[{"contentType":"text/plain","data":"`+base64.StdEncoding.EncodeToString([]byte("The lungs are clear."))+`"},
		{"contentType":"application/pdf","data":"`+pdf+`","title":"Letter"},{"contentType":"application/pdf","url":"https://ris.example/1"}]`)).ID()
	numbered := d.want(201, "POST", "/DiagnosticReport", report(subject, `"identifier":[{"type":{"coding":[{"code":"ACSN"}]},"value":"A1001"}]`, "")).ID()
	d.want(201, "POST", "/DiagnosticReport", report(subject, `"identifier":[{"value":"A1001"}]`, ""))                           // some other number
	d.want(201, "POST", "/DiagnosticReport", report(other, `"basedOn":[{"reference":"ServiceRequest/`+order+`"}]`, ""))         // of somebody else
	d.want(201, "POST", "/DiagnosticReport", report(subject, `"basedOn":[{"reference":"ServiceRequest/x`+order[:30]+`"}]`, "")) // of another order

	as := func(who access.Who) context.Context {
		return access.With(access.WithJudge(t.Context(), d.h.Judge), who)
	}
	told := func(ctx context.Context) (all []worklist.LifeStep) {
		l, err := d.h.Worklist.LifeOf(ctx, at, order)
		check(t, err)
		for _, s := range l.Steps {
			if s.Kind == worklist.LifeReported && s.Report != "" {
				all = append(all, s)
			}
		}
		return all
	}
	got := told(as(everyone()))
	if len(got) != 2 || got[0].Report != id || got[0].By != "Rita Reader" || got[0].Way != "fhir" || got[0].Reason != "final" || got[1].Report != numbered {
		t.Fatalf("the line of life has %+v; want the reports of the order", got)
	}
	o, err := d.h.Worklist.Get(as(everyone()), at, order)
	check(t, err)
	if got, err := (reporter{d.h}).ReportsOf(as(somebody(access.Manager)), at, o); err != nil || len(got) > 0 {
		t.Errorf("whoever may read no reports is told of %v, %v", got, err)
	}
	v := reportView{&view{house: d.h}}
	p, err := v.Report(as(everyone()), id)
	check(t, err)
	if p.Title != "CT thorax" || p.Text != "No nodules.\n\nThe lungs are clear." || p.Author != "Rita Reader" || p.Order != order || p.Number != "A1001" ||
		p.Links != 1 || len(p.Files) != 1 || p.Files[0].Title != "Letter" || !strings.Contains(p.Patient, "Muster") || p.Made.IsZero() {
		t.Errorf("the page says %+v", p)
	}
	f, err := v.ReportFile(as(everyone()), id, 1)
	check(t, err)
	if string(f.Body) != "%PDF-1.4" || f.Type != "application/pdf" {
		t.Errorf("the document is %q, %s", f.Body, f.Type)
	}
	for name, err := range map[string]error{
		"a document that is not there": errOf2(v.ReportFile(as(everyone()), id, 2)), "a report that is not there": errOf2(v.Report(as(everyone()), "nothing")),
	} {
		if fault.Of(err) != fault.NotFound || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.want(200, "PUT", "/DiagnosticReport/"+id, strings.Replace(report(subject, `"basedOn":[{"reference":"ServiceRequest/`+order+`"}]`, ""), `"status":"final"`, `"id":"`+id+`","status":"amended"`, 1))
	if got := told(as(everyone())); len(got) != 2 || got[0].Report != id || got[0].Reason != "amended" {
		t.Errorf("after an amendment the line has %+v", got)
	}
}

func errOf2[T any](_ T, err error) error { return err }
