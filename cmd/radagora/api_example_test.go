package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/archive"
	"radagora/audit/document"
	"radagora/connect"
	"radagora/db"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/finding"
	"radagora/form"
	"radagora/form/survey"
	"radagora/site"
	"radagora/worklist"
)

const examplesFile = "api_examples.json"

// apiStory are the examples of the description. $OPERATION.PATH stands for what an
// answer before said.
func apiStory() []example {
	q := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	path := func(name, v string) map[string]string { return map[string]string{name: v} }
	body := func(s string) json.RawMessage { return json.RawMessage(s) }
	const order = `{"patient":{"id":"4711","name":"Muster^Anna","birth_date":"1970-02-03","sex":"F","weight_kg":64},"accession":"A1",
		"description":"CT thorax","steps":[{"stations":["CT1"],"modality":"CT","start":"2026-11-22T09:30:00"}]}`
	return []example{
		{Operation: "create-order", About: "a CT at half past nine", Header: map[string]string{"Idempotency-Key": "ris-000815"}, Body: body(order), Status: 201},
		{Operation: "create-order", About: "the accession number is taken", Body: body(order), Status: 409},
		{Operation: "create-order", About: "no name", Body: body(`{"patient":{"id":"4711","name":""},"steps":[{"stations":["CT1"],"modality":"CT","start":"2026-11-22T09:30:00"}]}`), Status: 422},
		{Operation: "get-order", About: "the order", Path: path("id", "$create-order.id"), Status: 200},
		{Operation: "get-order", About: "none of that id", Path: path("id", "0198c0de-0001-7000-8000-000000000001"), Status: 404},
		{Operation: "list-worklist", About: "a day of a machine", Query: q("from", "2026-11-22", "to", "2026-11-22", "station", "CT1"), Status: 200},
		{Operation: "set-step", About: "the patient is here", Path: map[string]string{"id": "$create-order.id", "key": "$create-order.steps.0.key"}, Body: body(`{"state":"arrived"}`), Status: 200},
		{
			Operation: "change-order", About: "with contrast", Path: path("id", "$create-order.id"), Header: map[string]string{"If-Match": "$set-step.version"},
			Body: body(`{"patient":{"id":"4711","name":"Muster^Anna","birth_date":"1970-02-03","sex":"F","weight_kg":64},"accession":"A1",
			"description":"CT thorax with contrast","steps":[{"key":"$create-order.steps.0.key","stations":["CT1"],"modality":"CT","start":"2026-11-22T09:30:00"}]}`), Status: 200,
		},
		{
			Operation: "change-order", About: "somebody was quicker", Path: path("id", "$create-order.id"), Header: map[string]string{"If-Match": `"1"`},
			Body: body(order), Status: 412,
		},
		{Operation: "get-order-life", About: "it waits for the patient", Path: path("id", "$create-order.id"), Status: 200},
		{Operation: "get-order-life", About: "none of that id", Path: path("id", "0198c0de-0001-7000-8000-000000000001"), Status: 404},
		{Operation: "cancel-order", About: "did not come", Path: path("id", "$create-order.id"), Body: body(`{"reason":"did not come"}`), Status: 200},
		{Operation: "list-performed-steps", About: "what nobody ordered", Query: q("unscheduled", "true"), Status: 200},
		{Operation: "list-studies", About: "a day of CT", Query: q("from", "2026-03-02", "until", "2026-03-02", "limit", "1"), Status: 200},
		{Operation: "get-study", About: "the study", Path: path("study", "$list-studies.items.0.study_uid"), Status: 200},
		{Operation: "list-series", About: "its series", Path: path("study", "$list-studies.items.0.study_uid"), Status: 200},
		{Operation: "list-study-history", About: "what happened to it", Path: path("study", "$list-studies.items.0.study_uid"), Query: q("limit", "2"), Status: 200},
		{Operation: "list-matches", About: "studies that belong to no order", Query: q("match", "unmatched"), Status: 200},
		{Operation: "decide-match", About: "it belongs to none", Path: path("study", "$list-studies.items.0.study_uid"), Body: body(`{"reason":"from elsewhere"}`), Status: 204},
		{Operation: "get-study-life", About: "nobody ordered it here", Path: path("study", "$list-studies.items.0.study_uid"), Status: 200},
		{Operation: "list-identifiers", About: "of one person", Query: q("patient_id", "4712", "issuer", "HIS"), Status: 200},
		{Operation: "list-facts", About: "size and sex", Query: q("patient_id", "4712", "issuer", "HIS"), Status: 200},
		{Operation: "list-fact-history", About: "all that was said", Query: q("patient_id", "4712", "issuer", "HIS"), Status: 200},
		{Operation: "list-channels", About: "who sends", Status: 200},
		{Operation: "list-messages", About: "what came", Query: q("code", "ADT"), Status: 200},
		{Operation: "get-message", About: "one message", Path: path("id", "$list-messages.items.0.id"), Status: 200},
		{Operation: "replay-message", About: "once more", Path: path("id", "$list-messages.items.0.id"), Body: body(`{"reason":"the ward was unknown"}`), Status: 200},
		{Operation: "remove-message", About: "it has its turn", Path: path("id", "0198c0de-0001-7000-8000-000000000001"), Body: body(`{"reason":"a test"}`), Status: 404},
		{Operation: "list-dose-comparisons", About: "the first quarter", Query: q("from", "2026-01-01", "until", "2026-03-31"), Status: 200},
		{Operation: "list-dose-examinations", About: "the latest", Query: q("limit", "1"), Status: 200},
		{Operation: "get-dose-examination", About: "one examination", Path: path("id", "$list-dose-examinations.items.0.id"), Status: 200},
		{Operation: "list-embryo-worksheets", About: "what was declared of a study", Path: path("study", "$list-studies.items.0.study_uid"), Status: 200},
		{Operation: "list-cases", About: "what waits for review", Query: q("state", "open"), Status: 200},
		{Operation: "get-case", About: "with its numbers beside the rules", Path: path("number", "$list-cases.items.0.number"), Status: 200},
		{
			Operation: "decide-case", About: "somebody takes it", Path: path("number", "$list-cases.items.0.number"),
			Body: body(`{"version":0,"state":"assigned","owner":"u-1"}`), Status: 200,
		},
		{Operation: "list-dose-protocols", About: "what the scanners use", Query: q("limit", "1"), Status: 200},
		{Operation: "list-dose-protocol-changes", About: "what changed and what it did", Status: 200},
		{Operation: "list-dose-checks", About: "how dose checks are set up", Status: 200},
		{
			Operation: "enter-dose", About: "a C-arm without a network", Header: map[string]string{"Idempotency-Key": "carm-17"},
			Body: body(`{"machine":"C-arm 2","day":"2026-03-02","time":"10:20","patient_id":"4712","name":"Erste^Anna","values":[{"quantity":"dap","value":"1.25","unit":"Gy.cm2","method":"dap_meter"}]}`), Status: 201,
		},
		{Operation: "import-reject-log", About: "a log of a machine that nobody knows, tried", Body: body(`{"vendor":"Exampleray","release":"4.1","columns":{"machine":"Machine","date":"Acquired","exam":"Bodypart","rejected":"State"},"rejected":"REJ","accepted":"OK","trial":true,"file":"QWNxdWlyZWQsQm9keXBhcnQsU3RhdGUsTWFjaGluZQoyMDI2LTEwLTAxLENoZXN0LE9LLG5vd2hlcmUK"}`), Status: 201},
		{Operation: "import-reject-log", About: "the same log, for good", Body: body(`{"vendor":"Exampleray","release":"4.1","columns":{"machine":"Machine","date":"Acquired","exam":"Bodypart","rejected":"State"},"rejected":"REJ","accepted":"OK","file":"QWNxdWlyZWQsQm9keXBhcnQsU3RhdGUsTWFjaGluZQoyMDI2LTEwLTAxLENoZXN0LE9LLG5vd2hlcmUK"}`), Status: 201},
		{Operation: "list-evidence", About: "facts of one capability", Query: q("capability", "worklist"), Status: 200},
		{Operation: "get-evidence", About: "a fact that nobody computes yet", Path: path("id", "biobank.linked_subjects"), Status: 200},
		{Operation: "get-evidence", About: "none of that id", Path: path("id", "dose.nonsense"), Status: 404},
		{Operation: "list-assessments", About: "none was opened", Status: 200},
		{Operation: "report-incident", About: "two requests looked alike, without a name", Body: body(`{"words":"two requests looked alike","kind":"WRONG_PATIENT","sort":"near_miss","harmed":"no","anonymous":true}`), Status: 201},
		{Operation: "report-incident", About: "a kind that nobody knows", Body: body(`{"words":"it fell","kind":"NOPE"}`), Status: 422},
		{Operation: "list-incidents", About: "what was reported", Status: 200},
		{Operation: "list-quality-due", About: "what is due until a day", Query: q("until", "2026-12-31"), Status: 200},
		{Operation: "list-quality-due", About: "no day", Query: q("until", "soon"), Status: 422},
		{Operation: "list-surveys", About: "one is open", Status: 200},
		{Operation: "get-survey-results", About: "nobody has answered", Path: path("survey", "$list-surveys.items.0.id"), Status: 200},
		{Operation: "get-survey-results", About: "none of that id", Path: path("survey", "0198c0de-0001-7000-8000-000000000001"), Status: 404},
		{Operation: "list-forms", About: "those that come with the program", Status: 200},
		{Operation: "put-form", About: "one question", Body: body(`{"resourceType":"Questionnaire","url":"https://example.org/forms/rounds","version":"1","status":"draft","language":"en","title":"Rounds","item":[{"linkId":"1","type":"boolean","text":"Doors closed?"}]}`), Status: 200},
		{Operation: "put-form", About: "a condition on a question that is not there", Body: body(`{"resourceType":"Questionnaire","url":"https://example.org/forms/rounds","version":"1","status":"draft","language":"en","title":"Rounds","item":[{"linkId":"1","type":"boolean","text":"Doors closed?","enableWhen":[{"question":"2","operator":"exists","answerBoolean":true}]}]}`), Status: 422},
		{Operation: "get-form", About: "that one", Query: q("form", "https://example.org/forms/rounds", "version", "1"), Status: 200},
		{Operation: "get-form", About: "none of that version", Query: q("form", "https://example.org/forms/rounds", "version", "9"), Status: 404},
		{Operation: "list-form-answers", About: "one was begun", Status: 200},
		{Operation: "get-form-answers", About: "that one", Path: path("answers", "$list-form-answers.items.0.id"), Status: 200},
		{Operation: "get-form-answers", About: "none of that id", Path: path("answers", "0198c0de-0001-7000-8000-000000000001"), Status: 404},
		{Operation: "list-documents", About: "one waits for its first version", Status: 200},
		{Operation: "get-document", About: "that one", Path: path("id", "$list-documents.items.0.id"), Status: 200},
		{Operation: "get-document", About: "none of that id", Path: path("id", "0198c0de-0001-7000-8000-000000000001"), Status: 404},
		{Operation: "list-qualifications", About: "none was entered", Status: 200},
		{Operation: "plan-audit", About: "identification before imaging, this year", Body: body(`{"template":"C01","lead":"anna","reason":"yearly"}`), Status: 201},
		{Operation: "plan-audit", About: "no such template", Body: body(`{"template":"C99","lead":"anna","reason":"yearly"}`), Status: 422},
		{Operation: "define-audit", About: "all of the cases", Path: path("number", "$plan-audit.number"), Body: body(`{"method":"census","from":"2026-11-01","until":"2026-11-20"}`), Status: 200},
		{Operation: "draw-audit", About: "two cases that somebody observed", Path: path("number", "$plan-audit.number"), Body: body(`{"seed":42,"cases":["observation 1","observation 2"]}`), Status: 200},
		{Operation: "answer-audit", About: "the patient was identified", Path: path("number", "$plan-audit.number"), Body: body(`{"case":1,"verdict":"yes"}`), Status: 200},
		{Operation: "analyse-audit", About: "a case has no verdict yet", Path: path("number", "$plan-audit.number"), Status: 409},
		{Operation: "answer-audit", About: "the second too", Path: path("number", "$plan-audit.number"), Body: body(`{"case":2,"verdict":"yes"}`), Status: 200},
		{Operation: "analyse-audit", About: "the target is met", Path: path("number", "$plan-audit.number"), Status: 200},
		{Operation: "get-audit", About: "the audit", Path: path("number", "$plan-audit.number"), Status: 200},
		{Operation: "list-audits", About: "the register", Query: q("limit", "5"), Status: 200},
		{Operation: "list-dose-rejects", About: "no log was imported", Status: 200},
		{Operation: "undo-reject-log", About: "it was the wrong file", Path: path("id", "$import-reject-log.id"), Status: 204},
		{Operation: "undo-reject-log", About: "none of that id", Path: path("id", "0198c0de-0001-7000-8000-000000000001"), Status: 404},
		{Operation: "withdraw-dose", About: "it was another patient's", Path: path("id", "$enter-dose.id"), Body: body(`{"reason":"another patient"}`), Status: 204},
		{Operation: "list-dose-splitting", About: "nothing waits", Query: q("limit", "2"), Status: 200},
		{
			Operation: "split-dose-study", About: "it was a chest",
			Body: body(`{"study_uid":"$list-dose-examinations.items.0.study_uid","events":["$get-dose-examination.irradiation_events.0.event_uid"],"examination":"CT_CHEST"}`), Status: 201,
		},
		{Operation: "undo-dose-split", About: "it was not", Path: path("id", "$split-dose-study.id"), Status: 204},
		{Operation: "read-doses-again", About: "a trial", Body: body(`{"trial":true,"since":"2026-01-01"}`), Status: 202},
		{Operation: "stop-dose-rereading", About: "not now", Path: path("id", "$read-doses-again.id"), Status: 204},
		{Operation: "list-dose-rereadings", About: "how far they are", Status: 200},
		{Operation: "list-dose-changes", About: "of rebuilds", Path: path("id", "rebuild"), Status: 200},
		{Operation: "list-findings", About: "what is open", Query: q("state", "open", "rule", "equipment"), Status: 200},
		{
			Operation: "decide-finding", About: "somebody takes it", Path: path("id", "$list-findings.items.0.id"),
			Body: body(`{"version":0,"state":"in_work","owner":"u-1","due":"2026-12-01","note":"asked the vendor"}`), Status: 200,
		},
		{Operation: "add-action", About: "a service call", Path: path("id", "$list-findings.items.0.id"), Body: body(`{"kind":"service_call","text":"tube output to be measured","due":"2026-11-30"}`), Status: 201},
		{
			Operation: "change-action", About: "it is done", Path: map[string]string{"id": "$list-findings.items.0.id", "action": "$add-action.id"},
			Body: body(`{"kind":"service_call","text":"tube output to be measured","done":"2026-11-28","result":"within tolerance","version":1}`), Status: 200,
		},
		{Operation: "get-finding", About: "with its history", Path: path("id", "$list-findings.items.0.id"), Status: 200},
		{Operation: "list-rooms", About: "rooms and machines", Status: 200},
		{Operation: "list-peers", About: "who may send", Status: 200},
		{Operation: "list-changes", About: "from the oldest that is kept", Query: q("limit", "2"), Status: 200},
		{Operation: "add-webhook", About: "what is complete or gone", Body: body(`{"address":"http://127.0.0.1:9/radagora","groups":["complete","deleted"]}`), Status: 201},
		{Operation: "list-webhooks", About: "who is told", Status: 200},
		{Operation: "get-webhook", About: "how far it is", Path: path("id", "$add-webhook.webhook.id"), Status: 200},
		{Operation: "pause-webhook", About: "not for now", Path: path("id", "$add-webhook.webhook.id"), Status: 200},
		{Operation: "resume-webhook", About: "on from where it was", Path: path("id", "$add-webhook.webhook.id"), Status: 200},
		{Operation: "replay-webhook", About: "from the beginning", Path: path("id", "$add-webhook.webhook.id"), Body: body(`{"beginning":true}`), Status: 200},
		{Operation: "rotate-webhook", About: "another secret", Path: path("id", "$add-webhook.webhook.id"), Status: 200},
		{Operation: "remove-webhook", About: "no more", Path: path("id", "$add-webhook.webhook.id"), Status: 204},
		{Operation: "list-journal", About: "who changed orders", Query: q("kind", "worklist.order.*", "limit", "2"), Status: 200},
		{Operation: "get-status", About: "values beside references", Status: 200},
	}
}

// everyone may do everything, for the story.
func everyone() access.Who {
	return access.Who{ID: access.Local, Grants: access.Everywhere(access.People()...), Door: "api"}
}

// furnished puts into a house what the story asks about.
func (d *apiDesk) furnished() {
	d.t.Helper()
	ctx, h := d.ctx, d.h
	bring(ctx, d.t, h, reportMaker{patient: "ERSTE^ANNA", id: "4712", day: "20260302"}, "a", "b")
	high, err := reportMaker{patient: "ERSTE^ANNA", id: "4712", day: "20260303"}.file("study c", "c", "9000", []string{"c:150:9000"})
	check(d.t, err)
	r, err := h.Archive.Receive(ctx, archive.Arrival{Site: site.Default, Actor: "system", Door: "import", Part10: true, Data: bytes.NewReader(high)})
	check(d.t, err)
	_, err = r.Wait(ctx)
	check(d.t, err)
	_, _, err = h.Forms.Start(ctx, site.Default, form.Start{URL: "https://radagora.org/fhir/Questionnaire/protocol-review", Version: "0.1", Title: "CT head", By: "a"})
	check(d.t, err)
	asked, err := h.Surveys.Make(ctx, site.Default, "https://radagora.org/fhir/Questionnaire/patient-experience", "0.1", survey.Anonymous,
		survey.Plan{Title: "Waiting room", Purpose: "To do better.", DeleteOn: h.Now().AddDate(1, 0, 0).Format(time.DateOnly), Link: true, Whole: 120}, "system")
	check(d.t, err)
	_, _, err = h.Surveys.Start(ctx, site.Default, asked.ID, "system")
	check(d.t, err)
	_, err = h.Documents.Keep(ctx, site.Default, "system", "", document.Head{Title: "CT of the head, adults", Kind: "protocol", Owner: "Head of CT", Exams: []string{"CT_HEAD"}})
	check(d.t, err)
	_, err = h.Connect.SetChannel(ctx, connect.Channel{Site: site.Default, Application: "RIS", Home: "HIS", State: connect.Accepted, UseSizes: true})
	check(d.t, err)
	m := hl7Message("ADT^A08", "17", h.Now().Add(-time.Minute), "EVN|A08", "PID|1||4712^^^HIS^PI||Erste^Anna||19700203|F", "OBX|1|NM|29463-7^Weight^LN||64|kg|||||F")
	_, err = h.Connect.Receive(ctx, connect.Arrival{Site: site.Default, Body: m, Address: "10.0.0.1"})
	check(d.t, err)
	level := 1.0
	write(ctx, d.t, h, func(tx *db.Tx) error {
		_, err := h.Findings.Derive(ctx, tx, finding.Scope{Site: site.Default, Rule: "equipment.tolerance"}, []finding.Derived{{
			Rule: "equipment.tolerance", Code: "out_of_tolerance", Subject: finding.Subject{Site: site.Default, Quantity: "output"},
			Measured: finding.Measured{Value: 1.2, Unit: "mGy", N: 3}, Reference: finding.Reference{Value: &level, Unit: "mGy", Set: "example", Edition: "1", Source: "an example"},
		}}, nil)
		return err
	})
	d.eventually("the examinations are derived", func() bool {
		s, err := h.Dose.Select(ctx, at, dose.Selection{Reach: access.Reach{All: true}}, dose.Cursor{}, 10)
		check(d.t, err)
		return len(s) == 3
	})
	s, err := h.Sites.Site(ctx, at)
	check(d.t, err)
	s.Country = "DE"
	check(d.t, h.Sites.Change(ctx, "system", s))
	check(d.t, h.Review.Study(ctx, at, dosetest.UID("study c").String()))
	d.eventually("the message is applied", func() bool {
		all, err := h.Connect.Messages(ctx, at, connect.Filter{States: []connect.State{connect.Applied}})
		check(d.t, err)
		return len(all) == 1
	})
	d.eventually("the studies are matched", func() bool {
		all, err := h.Worklist.StudyStates(ctx, at, worklist.StudyFilter{})
		check(d.t, err)
		return len(all) == 3
	})
	d.eventually("the journal is sealed", func() bool {
		seen := 0
		for range h.Journal.Entries(ctx, 0, "archive.instance.stored") {
			seen++
		}
		return seen == 3
	})
}

// sealedLast are the last entries of the journal that operations tell of.
var sealedLast = map[string]string{"list-study-history": "worklist.study.matched", "list-journal": "worklist.order.cancelled"}

// TestAPIExamples runs the examples of the description against a real house. Each
// operation has one, every answer is what its schema says, and looks as described.
func TestAPIExamples(t *testing.T) {
	d := openAPI(t)
	d.furnished()
	door := d.h.newAPI()
	described := map[string]*huma.Operation{}
	for path, item := range door.api.OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if o != nil {
				o.Method, o.Path = method, path
				described[o.OperationID] = o
			}
		}
	}
	answers, ran := map[string]any{}, map[string]bool{}
	var now []example
	for _, e := range apiStory() {
		o := described[e.Operation]
		if o == nil {
			t.Fatalf("no operation %s", e.Operation)
		}
		e = e.resolved(t, answers)
		status, _, text := d.run(o.Method, e)(o.Path)
		if last := sealedLast[e.Operation]; last != "" { // what happened stands there once it is sealed
			d.eventually(e.Operation+" tells of "+last, func() bool {
				status, _, text = d.run(o.Method, e)(o.Path)
				return status != http.StatusOK || strings.Contains(text, last)
			})
		}
		if status != e.Status {
			t.Fatalf("%s, %s: %d %s; want %d", e.Operation, e.About, status, text, e.Status)
		}
		if text != "" {
			e.Answer = json.RawMessage(text)
			describedSo(t, door, o, e)
		}
		if status < 300 {
			ran[e.Operation] = true
			var v any
			if text != "" {
				check(t, json.Unmarshal([]byte(text), &v))
			}
			answers[e.Operation] = v
		}
		now = append(now, e)
	}
	for id := range described {
		if !ran[id] && id != "remove-message" {
			t.Errorf("%s has no example", id)
		}
	}
	if *update {
		text, err := json.MarshalIndent(now, "", "  ")
		check(t, err)
		check(t, os.WriteFile(examplesFile, append(bytes.ReplaceAll(text, []byte(`\u0026`), []byte("&")), '\n'), 0o644))
		return
	}
	before := storyOnDisk(t)
	if len(before) != len(now) {
		t.Fatalf("%s has %d examples, the story %d: go test ./cmd/radagora -run TestAPIExamples -update", examplesFile, len(before), len(now))
	}
	for i, e := range now {
		if d := cmp.Diff(shape(t, before[i].Answer), shape(t, e.Answer)); d != "" || before[i].Operation != e.Operation || before[i].Status != e.Status {
			t.Errorf("%s, %s does not look as %s says; if that is meant: go test ./cmd/radagora -run TestAPIExamples -update\n%s", e.Operation, e.About, examplesFile, d)
		}
	}
}

// run sends an example as somebody who may do everything.
func (d *apiDesk) run(method string, e example) func(path string) (int, http.Header, string) {
	return func(path string) (int, http.Header, string) {
		q := httptest.NewRequest(method, e.call(path), bytes.NewReader(e.Body))
		q.Header.Set("Content-Type", "application/json")
		for name, v := range e.Header {
			q.Header.Set(name, v)
		}
		w := httptest.NewRecorder()
		ctx := access.With(access.WithJudge(q.Context(), d.h.Judge), everyone())
		d.handler.ServeHTTP(w, q.WithContext(ctx))
		return w.Code, w.Header(), strings.TrimSpace(w.Body.String())
	}
}

var placeholder = regexp.MustCompile(`\$([a-z-]+)\.([a-z0-9_.]+)`)

// resolved puts what answers said into the places that stand for it.
func (e example) resolved(t *testing.T, answers map[string]any) example {
	t.Helper()
	fill := func(s string) string {
		return placeholder.ReplaceAllStringFunc(s, func(p string) string {
			m := placeholder.FindStringSubmatch(p)
			v := answers[m[1]]
			for part := range strings.SplitSeq(m[2], ".") {
				switch x := v.(type) {
				case map[string]any:
					v = x[part]
				case []any:
					i, err := strconv.Atoi(part)
					if err != nil || i >= len(x) {
						t.Fatalf("%s: %s is not there", e.Operation, p)
					}
					v = x[i]
				}
			}
			if v == nil {
				t.Fatalf("%s: %s is not there", e.Operation, p)
			}
			return fmt.Sprint(v)
		})
	}
	e.Path = maps.Clone(e.Path)
	for name, v := range e.Path {
		e.Path[name] = fill(v)
	}
	e.Header = maps.Clone(e.Header)
	for name, v := range e.Header {
		if e.Header[name] = fill(v); name == "If-Match" {
			e.Header[name] = `"` + strings.Trim(e.Header[name], `"`) + `"`
		}
	}
	if e.Body != nil {
		var b bytes.Buffer
		check(t, json.Compact(&b, []byte(fill(string(e.Body)))))
		e.Body = b.Bytes()
	}
	return e
}

// describedSo holds an answer against the schema of the description.
func describedSo(t *testing.T, door *apiDoor, o *huma.Operation, e example) {
	t.Helper()
	r := o.Responses[strconv.Itoa(e.Status)]
	if r == nil && e.Status >= 400 {
		r = o.Responses["default"]
	}
	if r == nil {
		t.Errorf("%s: an answer %d is not described", e.Operation, e.Status)
		return
	}
	for _, media := range r.Content {
		var v any
		check(t, json.Unmarshal(e.Answer, &v))
		res := &huma.ValidateResult{}
		huma.Validate(door.api.OpenAPI().Components.Schemas, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, res)
		for _, err := range res.Errors {
			t.Errorf("%s, %s: %v", e.Operation, e.About, err)
		}
	}
}

// shape returns the paths of JSON with their types: what two answers of the same kind
// have in common.
func shape(t *testing.T, text json.RawMessage) []string {
	t.Helper()
	if len(text) == 0 {
		return nil
	}
	var v any
	check(t, json.Unmarshal(text, &v))
	seen := map[string]bool{}
	var look func(path string, v any)
	look = func(path string, v any) {
		seen[fmt.Sprintf("%s %T", path, v)] = true
		switch x := v.(type) {
		case map[string]any:
			for k, one := range x {
				look(path+"."+k, one)
			}
		case []any:
			for _, one := range x {
				look(path+"[]", one)
			}
		}
	}
	look("", v)
	return slices.Sorted(maps.Keys(seen))
}
