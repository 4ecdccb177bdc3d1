package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/fault"
	"radagora/journal"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
	"radagora/web/webtest"
)

// day is an instant of the made-up installation.
var day = time.Date(2031, 3, 12, 9, 30, 0, 0, time.UTC)

// A told is what pages asked a room to do, in order.
type told []string

func (t *told) note(words ...string) error {
	*t = append(*t, strings.Join(words, " "))
	return nil
}

// wants expects that a page says some things and not others.
func wants(t *testing.T, body string, want, not []string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(body, s) {
			t.Errorf("the page lacks %q", s)
		}
	}
	for _, s := range not {
		if strings.Contains(body, s) {
			t.Errorf("the page has %q", s)
		}
	}
}

// A post box of notices.
type postBox struct {
	told
	inbox web.InboxPage
	post  web.PostPage
	fail  error
}

func (b *postBox) Inbox(_ context.Context, part, before string) (web.InboxPage, error) {
	_ = b.note("inbox", part, before)
	if part != "open" {
		return web.InboxPage{}, nil
	}
	return b.inbox, nil
}
func (b *postBox) Unread(context.Context) (int, error) { return len(b.inbox.Notices), nil }
func (b *postBox) Mark(_ context.Context, id, do string) error {
	return errors.Join(b.note(id, do), b.fail)
}
func (b *postBox) ReadAll(_ context.Context, last string) error { return b.note("all", last) }
func (b *postBox) Post(context.Context) (web.PostPage, error)   { return b.post, nil }
func (b *postBox) TestMail(context.Context) error               { return errors.Join(b.note("mail"), b.fail) }

func (b *postBox) TestWebhook(_ context.Context, id string) error {
	return errors.Join(b.note("test", id), b.fail)
}

func (b *postBox) RemoveWebhook(_ context.Context, id string) error {
	return errors.Join(b.note("remove", id), b.fail)
}

func (b *postBox) RotateWebhook(_ context.Context, id string) (string, error) {
	return "whsec_another", errors.Join(b.note("rotate", id), b.fail)
}

func (b *postBox) AddWebhook(_ context.Context, address string) (string, error) {
	if !strings.HasPrefix(address, "https://") {
		return "", web.Refuse(map[string]string{"address": "post.wrong_address"})
	}
	return "whsec_first", b.note("add", address)
}

func (b *postBox) Prefer(_ context.Context, modes map[string]string) error {
	return b.note("prefer", modes["status.disk.full"])
}

// box returns an inbox with two notices, and two webhooks of which one fails.
func box() *postBox {
	return &postBox{
		inbox: web.InboxPage{
			Notices: []web.InboxNotice{
				{ID: "n1", Words: lang.Msg("notice.kind.status.journal.broken"), Path: "/settings/status", Severity: "urgent", At: day},
				{ID: "n2", Words: lang.Msg("notice.kind.status.journal.broken"), Path: "/settings/journal", Severity: "info", At: day, Settled: day},
			},
			Kinds: []web.NoticeKind{{Kind: "status.disk.full", Mode: "daily"}}, Mail: "p1@hospital.example", Server: true,
		},
		post: web.PostPage{Server: "mail.hospital.example:587", Security: "starttls", From: "radagora@hospital.example", Mail: "p1@hospital.example", Webhooks: []web.Webhook{
			{ID: "h1", Host: "hooks.hospital.example", KeyID: "0a0b0c0d", By: "Person One", Created: day, Last: day, Status: 200, Former: "deadbeef", FormerUntil: day.AddDate(0, 0, 7)},
			{ID: "h2", Host: "chat.hospital.example", KeyID: "01020304", Created: day, Last: day, Status: 503, Error: "the webhook answered 503", Failing: day},
		}},
	}
}

func TestNoticePages(t *testing.T) {
	b := box()
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Notices = b })
	wants(t, d.get("/notices", 200), []string{`href="/settings/status"`, "The journal does not verify", `value="n1"`, "p1@hospital.example"}, []string{"Nothing waits for you"})
	wants(t, d.get("/notices?part=read", 200), []string{"Nothing was read yet."}, []string{`value="n1"`})
	wants(t, d.get("/settings/notices", 200), []string{
		"mail.hospital.example:587", "secured by STARTTLS", "hooks.hospital.example", "0a0b0c0d", "deadbeef signs too until", "failing since", "the webhook answered 503", `action="/settings/notices/rotate"`,
	}, []string{"whsec_", "There is no webhook"})
	for _, tt := range []struct {
		name, address string
		form          url.Values
		status        int
		said          string   // what the room was told, "" for nothing
		want, not     []string // on the page that comes
	}{
		{"one is read", "/notices", url.Values{"id": {"n1"}, "do": {"read"}, "part": {"open"}}, 303, "n1 read", nil, nil},
		{"all are read, up to the last seen", "/notices", url.Values{"do": {"all"}, "last": {"n2"}}, 303, "all n2", nil, nil},
		{"how they come by mail", "/notices/mail", url.Values{"kind.status.disk.full": {"now"}}, 303, "prefer now", nil, nil},
		{"a test of the mail", "/settings/notices/test", nil, 303, "mail", nil, nil},
		{"a test of a webhook", "/settings/notices/test", url.Values{"id": {"h1"}}, 303, "test h1", nil, nil},
		{"an address that is none", "/settings/notices", url.Values{"address": {"ftp://x"}}, 400, "", []string{"An address that begins with https://", `value="ftp://x"`}, []string{"whsec_"}},
		{"a webhook shows its secret once", "/settings/notices", url.Values{"address": {"https://x.example/hook"}}, 200, "add https://x.example/hook", []string{"whsec_first", "shown this once"}, []string{"https://x.example/hook"}},
		{"another secret too", "/settings/notices/rotate", url.Values{"id": {"h1"}}, 200, "rotate h1", []string{"whsec_another", "has a new secret", "seven days"}, nil},
		{"one is removed", "/settings/notices/remove", url.Values{"id": {"h1"}}, 303, "remove h1", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.told = nil
			_, body := d.post(tt.address, tt.form, tt.status)
			wants(t, body, tt.want, tt.not)
			if said := slices.Contains(b.told, tt.said); said != (tt.said != "") {
				t.Errorf("the room was told %q; want %q", b.told, tt.said)
			}
		})
	}
	b.fail = fault.Errorf(fault.Unavailable, "the webhook answered 503")
	_, body := d.post("/settings/notices/test", url.Values{"id": {"h2"}}, 200)
	wants(t, body, []string{"The test failed", "the webhook answered 503"}, nil)
	b.fail = fault.Errorf(fault.NotFound, "webhook h9")
	for _, address := range []string{"/settings/notices/test", "/settings/notices/rotate", "/settings/notices/remove"} {
		d.post(address, url.Values{"id": {"h9"}}, 404)
	}
	b.inbox, b.post = web.InboxPage{}, web.PostPage{}
	wants(t, d.get("/notices", 200), []string{"Nothing waits for you.", "each with the page to open"}, nil)
	wants(t, d.get("/settings/notices", 200), []string{"No mail server is set.", "There is no webhook."}, nil)
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
}

// A standing is how an installation stands.
type standing struct {
	told
	page web.StatusPage
	fail error
}

func (s *standing) Status(context.Context) (web.StatusPage, error) { return s.page, nil }
func (s *standing) Replay(_ context.Context, id string) error {
	return errors.Join(s.note("replay", id), s.fail)
}

func (s *standing) Remove(_ context.Context, id string) error {
	return errors.Join(s.note("remove", id), s.fail)
}

func TestStatusPage(t *testing.T) {
	s := &standing{}
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Status = s })
	condition := func(state string) web.Condition {
		return web.Condition{Group: "storage", Name: lang.Msg("status.all_good"), Value: lang.Msg("status.replay"), State: state}
	}
	for _, tt := range []struct {
		name   string
		states []string
		want   string
	}{
		{"nothing to say", nil, "Everything is as it should be."},
		{"all good", []string{"good", "good", ""}, "Everything is as it should be."},
		{"two to be looked at", []string{"attention", "good", "attention"}, "2 things want to be looked at."},
		{"trouble comes first", []string{"attention", "trouble"}, "1 thing is in trouble."},
		{"what nobody knows is trouble", []string{"unknown", "good"}, "1 thing is in trouble."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.page = web.StatusPage{Looked: day}
			for _, state := range tt.states {
				s.page.Conditions = append(s.page.Conditions, condition(state))
			}
			wants(t, d.get("/settings/status", 200), []string{tt.want}, nil)
		})
	}
	s.page = web.StatusPage{
		Looked: day, Dead: []web.DeadJob{{ID: "j1", Kind: "notice.mail.send", Reason: "mail server: nobody answers", Attempts: 24, Ended: day}},
		Times: []web.JobTime{{Name: "journal-care", Schedule: "daily 03:10", Next: day}},
	}
	wants(t, d.get("/settings/status", 200), []string{"notice.mail.send", "nobody answers", "24", `value="j1"`, "journal-care", "daily 03:10"}, nil)
	to, _ := d.post("/settings/status", url.Values{"id": {"j1"}, "do": {"replay"}}, 303)
	wants(t, d.get(to, 200), []string{"The job runs again."}, nil)
	d.post("/settings/status", url.Values{"id": {"j1"}, "do": {"remove"}}, 303)
	s.fail = fault.Errorf(fault.NotFound, "job j9")
	d.post("/settings/status", url.Values{"id": {"j9"}, "do": {"replay"}}, 404)
	if want := []string{"replay j1", "remove j1", "replay j9"}; !slices.Equal(s.told, want) {
		t.Errorf("the room was told %q; want %q", s.told, want)
	}
}

// A diary is a journal of three entries.
type diary struct {
	told
	page  web.JournalPage
	asked web.JournalQuery
	fail  error
}

func (j *diary) Happened(_ context.Context, q web.JournalQuery) (web.JournalPage, error) {
	j.asked = q
	if strings.Contains(q.Kind, " ") {
		return web.JournalPage{}, fault.Errorf(fault.Invalid, "no kind")
	}
	return j.page, nil
}

func (j *diary) Entry(_ context.Context, number int64) (web.JournalEntry, error) {
	i := slices.IndexFunc(j.page.Entries, func(e web.JournalEntry) bool { return e.Number == number })
	if i < 0 {
		return web.JournalEntry{}, fault.Errorf(fault.NotFound, "no entry %d", number)
	}
	return j.page.Entries[i], nil
}

func (j *diary) PersonKey(_ context.Context, id, issuer string) (string, error) {
	if id != "4711" {
		return "", fault.Errorf(fault.NotFound, "nobody")
	}
	return "key-of-" + issuer, j.note("looked up")
}

func (j *diary) VerifyJournal(context.Context) error { return errors.Join(j.note("verify"), j.fail) }

func (j *diary) ExportJournal(_ context.Context, w io.Writer, _ web.JournalQuery, format string) error {
	_, err := io.WriteString(w, "as "+format)
	return errors.Join(err, j.fail)
}

func TestJournalPage(t *testing.T) {
	j := &diary{page: web.JournalPage{
		Entries: []web.JournalEntry{
			{Number: 3, At: day, Actor: "p1", Name: "Person One", Kind: "archive.object.read", About: "1.2.3", Person: "key-1", Data: `{"purpose":"TREAT"}`, Personal: `{"reason":"shown to whoever may"}`},
			{Number: 2, At: day, Actor: "ae:CT1", Kind: "archive.instance.stored", Hidden: true},
			{Number: 1, At: day, Actor: "p1", Kind: "access.glass.made", Erased: true},
		},
		More: true, Kinds: []string{"archive.object.read"}, Accounts: []face.Choice{{Code: "p1", Label: "Person One"}},
		State: web.JournalState{Verified: day, Entries: 3, Seals: 2, Fingerprint: "ab12", HeadAt: day, HeadSeal: 2, HeadEntry: 3},
		Rules: []web.JournalRule{{Kind: "*", Days: 1095, Floor: true, Governs: true, Why: "the law asks it", Source: "2025/327 9(2)"}}, Keeps: day,
	}}
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Journal = j })
	for _, tt := range []struct {
		name, address string
		status        int
		want, not     []string
	}{
		{"the newest, and how it stands", "/settings/journal", 200, []string{"archive.object.read", "Person One", "ab12", "the law asks it", "2025/327 9(2)"}, []string{"shown to whoever may"}},
		{"one that says more to whoever may", "/settings/journal?open=3", 200, []string{"shown to whoever may", "TREAT"}, nil},
		{"one that whoever asks may not see", "/settings/journal?open=2", 200, []string{"Your role does not include seeing it"}, []string{"shown to whoever may"}},
		{"one of a person who was erased", "/settings/journal?open=1", 200, []string{"cannot be read any more"}, nil},
		{"one that is not there", "/settings/journal?open=9", 404, nil, nil},
		{"a kind that none can be", "/settings/journal?kind=a+b", 400, []string{"two to four words"}, nil},
		{"a day that is none", "/settings/journal?from=yesterday", 400, []string{"A day is written as 2026-03-01."}, nil},
		{"an export in a format we do not write", "/settings/journal/export?format=pdf", 400, nil, nil},
		{"an export of a day that is none", "/settings/journal/export?format=csv&until=x", 400, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, d.get(tt.address, tt.status), tt.want, tt.not) })
	}
	d.get("/settings/journal?kind=archive.*&account=p1&about=1.2.3&person=key-1&from=2031-03-01&until=2031-03-02&before=7", 200)
	if q := j.asked; q.Kind != "archive.*" || q.Account != "p1" || q.About != "1.2.3" || q.Person != "key-1" || q.Before != 7 || q.Until.Sub(q.From) != 48*time.Hour {
		t.Errorf("asked for %+v", q)
	}
	_, body := d.post("/settings/journal/person", url.Values{"patient": {" "}}, 400)
	wants(t, body, []string{"Type a patient ID."}, nil)
	_, body = d.post("/settings/journal/person", url.Values{"patient": {"NOBODY-1"}}, 400)
	wants(t, body, []string{"The journal knows nobody with this ID."}, nil)
	to, _ := d.post("/settings/journal/person", url.Values{"patient": {"4711"}, "issuer": {"HOSPITAL"}}, 303)
	if to != "/settings/journal?person=key-of-HOSPITAL" {
		t.Errorf("leads to %q; want the key, not the patient ID", to)
	}
	d.post("/settings/journal/verify", nil, 303)
	for format, media := range map[string]string{"csv": "text/csv", "json": "application/x-ndjson", "fhir": "application/fhir+ndjson", "dicom": "text/plain"} {
		w := d.do(http.MethodGet, "/settings/journal/export?format="+format, nil, nil)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), media) || w.Body.String() != "as "+format || !strings.Contains(w.Header().Get("Content-Disposition"), "journal-2031-03-12") {
			t.Errorf("export as %s: %d, %v, %q", format, w.Code, w.Header(), w.Body)
		}
	}
	for _, tt := range []struct {
		name  string
		state web.JournalState
		want  string
	}{
		{"a broken entry", web.JournalState{Broken: 42, Reason: "entry_changed", Verified: day}, "the first broken entry is number 42"},
		{"not verified since the program began", web.JournalState{}, ""},
		{"being verified", web.JournalState{Running: day}, ""},
		{"could not be verified", web.JournalState{Failed: true}, ""},
	} {
		j.page.State = tt.state
		wants(t, d.get("/settings/journal", 200), []string{tt.want}, nil)
	}
	j.page = web.JournalPage{}
	d.get("/settings/journal", 200)
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
}

// An officer's desk, where only what is done with one person is filled in.
type officersDesk struct {
	web.Privacy
	told
	held  privacy.Holding
	plan  privacy.Plan
	wish  []access.Held
	fail  error
	asked access.Person
}

func (o *officersDesk) Person(issuer, id string) access.Person {
	return access.Person{Site: "default", ID: issuer + "|" + id}
}

func (*officersDesk) People(context.Context) ([]face.Choice, error) {
	return []face.Choice{{Code: "p1", Label: "Person One"}}, nil
}

func (o *officersDesk) Plans(context.Context, string) ([]privacy.Plan, error) {
	return []privacy.Plan{o.plan}, nil
}

func (o *officersDesk) Plan(_ context.Context, _, id string) (privacy.Plan, error) {
	if id != o.plan.ID {
		return privacy.Plan{}, fault.Errorf(fault.NotFound, "no erasure")
	}
	return o.plan, nil
}

func (o *officersDesk) Hold(_ context.Context, p access.Person) (privacy.Holding, error) {
	o.asked = p
	return o.held, nil
}

func (o *officersDesk) Wishes(context.Context, access.Person) ([]access.Held, error) {
	return o.wish, nil
}

func (o *officersDesk) Looked(context.Context, access.Person, int) ([]journal.Entry, error) {
	return []journal.Entry{{Seq: 7, At: day, Actor: "p1", Kind: "archive.object.read"}}, nil
}

func (o *officersDesk) Export(_ context.Context, _ access.Person, _ privacy.Order, w io.Writer) (privacy.Index, error) {
	_, err := io.WriteString(w, "zip")
	return privacy.Index{}, err
}

func (o *officersDesk) Restrict(_ context.Context, _ access.Person, hidden bool, reason string) error {
	return o.note("restrict", map[bool]string{true: "yes", false: "no"}[hidden], reason)
}

func (o *officersDesk) OptOut(_ context.Context, _ access.Person, out bool) error {
	return o.note("out", map[bool]string{true: "yes", false: "no"}[out])
}

func (o *officersDesk) PlanErasure(_ context.Context, _ access.Person, _, reason string) (privacy.Plan, error) {
	return o.plan, o.note("plan", reason)
}

func (o *officersDesk) Erase(_ context.Context, p access.Person, id, digest, despite string) (privacy.Proof, error) {
	return privacy.Proof{}, errors.Join(o.note("erase", p.ID, id, digest, despite), o.fail)
}

func (o *officersDesk) DropErasure(_ context.Context, _, id string) error { return o.note("drop", id) }

func TestPersonPages(t *testing.T) {
	o := &officersDesk{
		held: privacy.Holding{Kinds: []privacy.Held{{Room: "archive", Kind: "study", Count: 3, First: "2030-01-02", Last: "2031-01-02"}}},
		plan: privacy.Plan{
			ID: "e1", Site: "default", Person: "P-ABC", Reason: "sent to us by mistake", State: "planned", Digest: "d1", PlannedBy: "p1", PlannedAt: day,
			Parts:  []privacy.Part{{Room: "archive", Kinds: []privacy.Held{{Room: "archive", Kind: "study", Count: 3}}}, {Room: "access", Kept: map[string]int{"opt_out": 1}}, {Room: "privacy", Kept: map[string]int{"open_request": 1}}},
			Bounds: []privacy.Bound{{Rule: "x.images", Law: "example law", Meaning: privacy.Words{"en": "ten years"}, Until: "2041-01-02", Holds: true}},
			Copies: []privacy.Copy{{To: "ae:PACS", What: "archive.object.sent", Count: 2, Last: day}},
		},
		wish: []access.Held{{Wish: access.NoSecondary, Since: day}},
	}
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Privacy = o })
	whom := func(more ...string) url.Values {
		f := url.Values{"person": {"4711"}, "issuer": {"HOSPITAL"}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	wants(t, d.get("/privacy/person", 200), []string{`name="person"`, "P-ABC", `href="/privacy/erasures/e1"`}, []string{"4711"})
	_, body := d.post("/privacy/person", whom(), 200)
	wants(t, body, []string{"What is held where", "study", `action="/privacy/person/export"`, `action="/privacy/person/plan"`, `value="in"`, `value="restrict"`}, []string{`action="/privacy/person?`})
	if o.asked.ID != "HOSPITAL|4711" {
		t.Errorf("asked about %q", o.asked.ID)
	}
	_, body = d.post("/privacy/person/looked", whom(), 200)
	wants(t, body, []string{"opened images", "Person One"}, nil)
	for _, tt := range []struct {
		name, address string
		form          url.Values
		status        int
		said          string
		want          []string
	}{
		{"nobody named", "/privacy/person/looked", url.Values{}, 400, "", nil},
		{"restricted", "/privacy/person/restrict", whom("do", "restrict", "reason", "contested"), 200, "restrict yes contested", nil},
		{"no longer", "/privacy/person/restrict", whom("do", "lift"), 200, "restrict no ", nil},
		{"kept from secondary use", "/privacy/person/opt-out", whom("do", "out"), 200, "out yes", nil},
		{"given back", "/privacy/person/opt-out", whom("do", "in"), 200, "out no", nil},
		{"an erasure without a reason", "/privacy/person/plan", whom("reason", "short"), 400, "", []string{"At least ten letters"}},
		{"an erasure is planned", "/privacy/person/plan", whom("reason", "sent to us by mistake"), 303, "plan sent to us by mistake", nil},
		{"erased without the second look", "/privacy/erasures/e1", url.Values{"do": {"erase"}, "digest": {"d1"}}, 400, "", []string{"A rule of retention holds: at least ten letters why."}},
		{"erased although a rule holds, without saying why", "/privacy/erasures/e1", whom("do", "erase", "digest", "d1", "despite", "because"), 400, "", []string{"at least ten letters why"}},
		{"erased with both", "/privacy/erasures/e1", whom("do", "erase", "digest", "d1", "despite", "never our patient"), 303, "erase HOSPITAL|4711 e1 d1 never our patient", nil},
		{"given up", "/privacy/erasures/e1", url.Values{"do": {"drop"}}, 303, "drop e1", nil},
		{"one that is not there", "/privacy/erasures/e9", whom("do", "erase"), 404, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o.told = nil
			_, body := d.post(tt.address, tt.form, tt.status)
			wants(t, body, tt.want, nil)
			if said := slices.Contains(o.told, tt.said); said != (tt.said != "") {
				t.Errorf("the room was told %q; want %q", o.told, tt.said)
			}
		})
	}
	w := d.do(http.MethodPost, "/privacy/person/export", strings.NewReader(whom("reason", "she asked").Encode()), nil)
	if w.Code != 200 || w.Body.String() != "zip" || !strings.Contains(w.Header().Get("Content-Disposition"), "copy-2031-03-12.zip") {
		t.Errorf("export: %d, %v, %q", w.Code, w.Header(), w.Body)
	}
	wants(t, d.get("/privacy/erasures/e1", 200), []string{"P-ABC", "ten years", "example law", "ae:PACS", "opted out of secondary use", "an open request", `name="despite"`}, []string{"4711"})
	o.plan.State, o.plan.Proof = "done", &privacy.Proof{Erasure: "e1", Person: "P-ABC", DoneBy: "p1", DoneAt: day, Records: 9, Objects: 3, Parts: o.plan.Parts}
	wants(t, d.get("/privacy/erasures/e1", 200), []string{`href="/privacy/erasures/e1/proof"`, o.plan.Proof.Digest()}, []string{`name="despite"`, `value="erase"`})
	w = d.do(http.MethodGet, "/privacy/erasures/e1/proof", nil, nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"P-ABC"`) || strings.Contains(w.Body.String(), "4711") {
		t.Errorf("the proof: %d %s", w.Code, w.Body)
	}
	o.held, o.fail = privacy.Holding{}, fault.Errorf(fault.Conflict, "what is held is no longer what was planned")
	_, body = d.post("/privacy/person", whom(), 200)
	wants(t, body, []string{"Nothing is held"}, []string{`action="/privacy/person/plan"`})
	o.plan.State, o.plan.Proof = "planned", nil
	d.post("/privacy/erasures/e1", whom("do", "erase", "digest", "old", "despite", "never our patient"), 409)
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
	if strings.Contains(d.log.String(), "4711") {
		t.Error("the patient ID stands in the log")
	}
}
