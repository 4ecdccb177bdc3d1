package web_test

import (
	"bufio"
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"radagora/web"
	"radagora/web/webtest"
)

func TestFindingIsChanged(t *testing.T) {
	d := newDesk(t, nil)
	to, _ := d.post("/findings", url.Values{
		"id": {"f1"}, "state": {"in_work"}, "owner": {"p2"}, "due": {"2031-04-01"}, "note": {"Looked at the protocol."}, "back": {"/dose/ct?room=ct2"},
	}, http.StatusSeeOther)
	if to != "/dose/ct?done=finding&room=ct2" {
		t.Errorf("leads to %q", to)
	}
	body := d.get(to, 200)
	for _, want := range []string{"The finding was saved.", "Looked at the protocol.", "1\u00a0Apr\u00a02031"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestFindingIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		form url.Values
		want string
	}{
		{"closed without a word", url.Values{"state": {"closed"}}, "before you close it"},
		{"a state only the program sets", url.Values{"state": {"withdrawn"}}, "states a person can set"},
		{"a day that is none", url.Values{"state": {"open"}, "due": {"2031-02-30"}}, "year-month-day"},
		{"a note without end", url.Values{"state": {"open"}, "note": {strings.Repeat("x", 4001)}}, "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, nil)
			tt.form.Set("id", "f1")
			tt.form.Set("back", "/dose/ct?room=ct2")
			_, body := d.post("/findings", tt.form, http.StatusBadRequest)
			if !strings.Contains(body, tt.want) || !strings.Contains(body, "This was not saved.") {
				t.Errorf("the page does not say %q", tt.want)
			}
			if note := tt.form.Get("note"); note != "" && !strings.Contains(body, note) {
				t.Error("what was typed is gone")
			}
			if strings.Contains(body, "CT 1</span>") {
				t.Error("the filter of the page is gone")
			}
		})
	}
}

func TestFindingThatIsNotThere(t *testing.T) {
	d := newDesk(t, nil)
	d.post("/findings", url.Values{"id": {"nope"}, "state": {"open"}}, http.StatusNotFound)
}

func TestFormTooLarge(t *testing.T) {
	d := newDesk(t, nil)
	d.post("/findings", url.Values{"note": {strings.Repeat("x", 2<<20)}}, http.StatusRequestEntityTooLarge)
}

func TestMapping(t *testing.T) {
	d := newDesk(t, nil)
	decide := func(form url.Values, status int) string {
		t.Helper()
		_, body := d.post("/dose/mapping", form, status)
		return body
	}
	for _, tt := range []struct {
		name string
		form url.Values
		want string
	}{
		{"a name of no examination", url.Values{"id": {"n0"}, "exam": {"Toe"}}, "No examination has this code or name"},
		{"nothing typed", url.Values{"id": {"n0"}, "exam": {" "}}, "No examination has this code or name"},
		{"a beginning of two", url.Values{"id": {"n0"}, "exam": {"Example"}}, "No examination has this code or name"},
		{"an indication, but not how it is known", url.Values{"id": {"n0"}, "exam": {"X_HEAD"}, "indication": {"Example stroke"}}, "Say how the indication is known"},
		{"no such indication", url.Values{"id": {"n0"}, "exam": {"X_HEAD"}, "indication": {"Hiccup"}, "known_by": {"order"}}, "No indication has this code or name"},
	} {
		if body := decide(tt.form, http.StatusBadRequest); !strings.Contains(body, tt.want) {
			t.Errorf("%s: the page does not say %q", tt.name, tt.want)
		}
	}
	if body := decide(url.Values{"id": {"n0"}, "exam": {"X_HEAD"}, "on": {"some"}}, http.StatusBadRequest); !strings.Contains(body, "Choose the machines") {
		t.Error("a name for no machine is taken")
	}
	if body := decide(url.Values{"id": {"n0"}, "exam": {"chest"}}, http.StatusBadRequest); !strings.Contains(body, `data-code="X_CHEST"`) {
		t.Error("what was typed is not looked up")
	}
	decide(url.Values{"id": {"n0"}, "exam": {"example h"}, "indication": {"X_IND_0"}, "known_by": {"protocol"}, "machine": {"m0"}}, http.StatusSeeOther)
	body := d.get("/dose/mapping?done=proposed", 200)
	for _, want := range []string{"Last: you proposed that Example Head Routine means Example head.", "<code>EX ABD/PEL 80mL</code>", "Waiting for a second person", "yours: somebody else approves it"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	d.post("/dose/mapping/settle", url.Values{"proposal": {"w0"}, "do": {"approve"}}, http.StatusForbidden)
	d.post("/dose/mapping/undo", nil, http.StatusSeeOther)
	if body := d.get("/dose/mapping?done=undone", 200); !strings.Contains(body, "<code>Example Head Routine</code>") {
		t.Error("the name is not up again after taking it back")
	}
	d.post("/dose/mapping/undo", nil, http.StatusNotFound)
	// One person decides, if somebody said so and why.
	d.post("/dose/mapping/alone", url.Values{"alone": {"yes"}}, http.StatusBadRequest)
	d.post("/dose/mapping/alone", url.Values{"alone": {"yes"}, "why": {"one physicist"}}, http.StatusSeeOther)
	to, _ := d.post("/dose/mapping", url.Values{"id": {"n3"}, "take": {"not_patient"}, "exam": {""}}, http.StatusSeeOther)
	if body := d.get(to, 200); !strings.Contains(body, "QA Wasserphantom means not of a patient") || !strings.Contains(body, "One person alone, as ") || !strings.Contains(body, "<code>Spine example thin</code>") {
		t.Error("a name without patient was not taken, or who decides is not said, or the next name is not up")
	}
}

// TestMappingFind: words lead to examinations and indications, and back to the name.
func TestMappingFind(t *testing.T) {
	d := newDesk(t, nil)
	if body := d.get("/dose/mapping/find?q=CHEST&name=n1", 200); !strings.Contains(body, `href="/dose/mapping?name=n1&amp;exam=X_CHEST#decide"`) || !strings.Contains(body, "1 of 1 word: chest") {
		t.Error("the examination or the reason for it is not there")
	}
	if body := d.get("/dose/mapping/find?q=stroke&kind=indication&name=n1", 200); !strings.Contains(body, "X_IND_0") {
		t.Error("the indication is not there")
	}
	if body := d.get("/dose/mapping/find?q=zzz", 200); !strings.Contains(body, "Nothing is called “zzz”.") {
		t.Error("nothing found is not said")
	}
	if body := d.get("/dose/mapping?name=n1&exam=X_CHEST", 200); !strings.Contains(body, `value="X_CHEST"`) || !strings.Contains(body, "<code>EX ABD/PEL 80mL</code>") {
		t.Error("what was found is not in the form of the name")
	}
}

// TestMappingTable: a table is tried, then taken; names are taken along.
func TestMappingTable(t *testing.T) {
	d := newDesk(t, nil)
	try := func(text string) string {
		t.Helper()
		_, body := d.post("/dose/mapping/import", url.Values{"text": {text}}, http.StatusOK)
		return body
	}
	if body := try("nonsense"); !strings.Contains(body, "Line 1: the columns name, source and exam_code are needed") || strings.Contains(body, `value="take"`) {
		t.Error("a wrong line is not named, or can be taken")
	}
	const good = "name\tsource\texam_code\nKnee\tprotocol\tX_HEAD\n"
	if body := try(good); !strings.Contains(body, "The table has 1 new names") || !strings.Contains(body, "Knee\tprotocol") {
		t.Error("what a table would do is not said, or it is not kept")
	}
	to, _ := d.post("/dose/mapping/import", url.Values{"text": {good}, "do": {"take"}}, http.StatusSeeOther)
	if !strings.Contains(d.get(to, 200), "The table was brought in.") {
		t.Error("the import is not said")
	}
	d.post("/dose/mapping/import/undo", url.Values{"import": {"i1"}}, http.StatusSeeOther)
	d.post("/dose/mapping/import/undo", url.Values{"import": {"i9"}}, http.StatusNotFound)
	if body := d.get("/dose/mapping/export", 200); !strings.HasPrefix(body, "name\tsource") {
		t.Errorf("export = %q", body)
	}
	if body := d.get("/dose/mapping/progress", 200); !strings.Contains(body, "3 studies are being worked out anew") {
		t.Error("the progress is not said")
	}
}

func TestRooms(t *testing.T) {
	d := newDesk(t, nil)
	_, body := d.post("/settings/rooms", url.Values{"room": {"ct1"}, "name": {strings.Repeat("x", 81)}}, http.StatusBadRequest)
	if !strings.Contains(body, "1 to 80 characters") {
		t.Error("a name too long is not refused in words")
	}
	d.post("/settings/rooms", url.Values{"room": {"ct3"}, "name": {"Annex"}}, http.StatusSeeOther)
	if !strings.Contains(d.get("/settings/rooms", 200), ">Annex</h2>") {
		t.Error("the room has not got its name")
	}
	d.post("/settings/rooms/merge", url.Values{"machine": {"m2"}, "into": {"m2"}}, http.StatusBadRequest)
	d.post("/settings/rooms/merge", url.Values{"machine": {"m2"}, "into": {"m1"}}, http.StatusSeeOther)
	if strings.Contains(d.get("/settings/rooms", 200), "Model 3") {
		t.Error("two machines did not become one")
	}
}

func TestGoverning(t *testing.T) {
	d := newDesk(t, nil)
	body := d.get("/settings/content?open=example-levels-2030", 200)
	for _, want := range []string{"all examinations of the set: governs from 1\u00a0Sep\u00a02030 on, decided by Person One.", "governed from 1\u00a0Jan\u00a02029 to 31\u00a0Aug\u00a02030"} {
		if !strings.Contains(body, want) {
			t.Errorf("the drawer does not say %q", want)
		}
	}
	to, _ := d.post("/settings/content/govern", url.Values{"set": {"example-levels-2030"}, "from": {"2031-04-01"}}, http.StatusSeeOther)
	if !strings.Contains(d.get(to, 200), "governs from that day on") {
		t.Errorf("%s does not say that it was done", to)
	}
	d.post("/settings/content/govern", url.Values{"set": {"example-levels-2030"}, "from": {"tomorrow"}}, http.StatusBadRequest)
	d.post("/settings/content/end", url.Values{"set": {"example-levels-2030"}, "decision": {"d1"}, "last": {"2031-12-31"}}, http.StatusSeeOther)
}

// upload makes the body of an upload.
func upload(t *testing.T, files map[string]string) (body *bytes.Buffer, mediaType string) {
	t.Helper()
	body = &bytes.Buffer{}
	m := multipart.NewWriter(body)
	for name, text := range files {
		w, err := m.CreateFormFile("files", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return body, m.FormDataContentType()
}

func TestUpload(t *testing.T) {
	d := newDesk(t, nil)
	body, mediaType := upload(t, map[string]string{"a.dcm": "DICM and more", `C:\secret\letter.txt`: "no DICOM"})
	w := d.do(http.MethodPost, "/start/upload", body, func(r *http.Request) { r.Header.Set("Content-Type", mediaType) })
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "1 object taken in.") || !strings.Contains(w.Body.String(), ">letter.txt<") {
		t.Errorf("status %d, page:\n%s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "secret") {
		t.Error("the page names a folder of the person's computer")
	}
	d.post("/start/upload", url.Values{"files": {"x"}}, http.StatusBadRequest)
}

func TestDemo(t *testing.T) {
	d := newDesk(t, nil)
	d.post("/start/demo", nil, http.StatusSeeOther)
	if !strings.Contains(d.get("/start", 200), `action="/start/cancel"`) {
		t.Error("loading cannot be stopped")
	}
	d.post("/start/demo", nil, http.StatusConflict)
	d.post("/start/cancel", nil, http.StatusSeeOther)
}

func TestGuideIsToldOfArrivals(t *testing.T) {
	d := newDesk(t, nil)
	server := httptest.NewServer(d.handler)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/start/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	if !lines.Scan() || lines.Text() != "retry: 2000" {
		t.Fatalf("the stream begins with %q", lines.Text())
	}
	d.world.Arrive()
	for lines.Scan() {
		if lines.Text() == "event: changed" {
			return
		}
	}
	t.Errorf("the stream ended without a word: %v", lines.Err())
}

func TestExport(t *testing.T) {
	d := newDesk(t, nil)
	w := d.do(http.MethodGet, "/dose/ct/export?part=table&format=csv&room=ct2", nil, nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Disposition"), `filename="ct-dose-table-2031-03-12.csv"`) {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	if got := w.Body.String(); strings.Contains(got, "ct1,") || strings.Count(got, "\n") != 4 {
		t.Errorf("the file is not what the filter shows:\n%s", got)
	}
	for _, part := range []string{"spread", "trend"} {
		w := d.do(http.MethodGet, "/dose/ct/picture?part="+part, nil, nil)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "<svg ") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("picture %s: %d, %.80s", part, w.Code, w.Body)
		}
	}
	d.get("/dose/ct/picture?part=table", 400)
	d.get("/dose/ct/picture?part=trend&size=child", 404)
	d.get("/dose/ct/export?part=spread&format=xlsx", 501)
}

func TestObjectFile(t *testing.T) {
	d := newDesk(t, nil)
	w := d.do(http.MethodGet, object+"/file", nil, nil)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/dicom" || w.Body.String() != "made up" {
		t.Errorf("%d, %v, %q", w.Code, w.Header(), w.Body)
	}
	d.get("/images/objects/1.2.3/file", 404)
}

// noFindings refuses every change with words for a field.
type noFindings struct{}

func (noFindings) Change(context.Context, web.Person, web.FindingChange) error {
	return web.Refuse(map[string]string{"owner": "error.403.title"})
}

func TestRoomRefusesAField(t *testing.T) {
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Findings = noFindings{} })
	_, body := d.post("/findings", url.Values{"id": {"f1"}, "state": {"open"}, "back": {"/dose/ct"}}, http.StatusBadRequest)
	if !strings.Contains(body, "You may not do this") {
		t.Error("the room's word for the field does not stand on the page")
	}
}
