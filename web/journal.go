package web

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/site"
	"radagora/web/face"
)

// Journal knows what happened, shows it to those who may, and proves that it is as it
// was written.
type Journal interface {
	// Happened returns the page: the newest entries that q wants.
	Happened(ctx context.Context, q JournalQuery) (JournalPage, error)
	// Entry returns one entry with what it says about a person, as far as whoever
	// asks may see that.
	Entry(ctx context.Context, number int64) (JournalEntry, error)
	// PersonKey returns what stands for a patient in the journal; NotFound if it
	// knows nothing of them.
	PersonKey(ctx context.Context, patientID, issuer string) (string, error)
	// VerifyJournal begins to verify, unless somebody does already.
	VerifyJournal(ctx context.Context) error
	// ExportJournal writes the entries that q wants, oldest first.
	ExportJournal(ctx context.Context, w io.Writer, q JournalQuery, format string) error
}

// A JournalQuery says which entries are wanted. Its zero value wants the newest.
type JournalQuery struct {
	Kind, Account, About, Person string // Person is what PersonKey returned
	From, Until                  time.Time
	Before                       int64 // only earlier than this number; 0 for the newest
}

// A JournalPage is what the page shows.
type JournalPage struct {
	Entries  []JournalEntry
	More     bool // there are earlier ones
	Kinds    []string
	Accounts []face.Choice
	State    JournalState
	Rules    []JournalRule
	Keeps    time.Time // the oldest entry that is there; the zero time if there is none
}

// A JournalEntry is one entry.
type JournalEntry struct {
	Number                     int64
	At                         time.Time
	Actor, Name                string // account and how colleagues know it
	Kind, About, Person, Study string
	ID, Data                   string
	Personal                   string // what it says about the person, "" unless whoever asks may see it
	Hidden                     bool   // it says something that whoever asks may not see
	Erased                     bool   // it said something, and its key is destroyed
}

// A JournalState says how the journal stands.
type JournalState struct {
	Running  time.Time // it is being verified since; the zero time if not
	Verified time.Time // when it last was; the zero time: not since the program began
	Entries  int64
	Seals    int64
	Signed   int64
	Since    int64  // entries after the last signed head
	Broken   int64  // the first broken entry, 0 if none is
	Reason   string // why
	Failed   bool   // it could not be verified

	HeadAt      time.Time // of the last signed head
	HeadSeal    int64
	HeadEntry   int64
	HeadDigest  string
	Fingerprint string // of the signing key
}

// A JournalRule says how long entries are kept.
type JournalRule struct {
	Kind     string
	Personal bool
	Days     int
	Floor    bool
	Governs  bool // it keeps the oldest entry that must stay
	Why      string
	Source   string
}

// journalFormats are what entries can be taken along in.
var journalFormats = map[string]string{
	"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson", "fhir": "application/fhir+ndjson", "dicom": "text/plain; charset=utf-8",
}

func (s *server) journalRoutes(g registrar) {
	if s.Journal == nil {
		return
	}
	g.get("/settings/journal", access.JournalRead, s.journalPage)
	g.post("/settings/journal/person", access.AccessListRead, s.journalPerson)
	g.post("/settings/journal/verify", access.JournalRead, s.journalVerify)
	g.get("/settings/journal/export", access.JournalExport, s.journalExport)
}

// journalQuery reads the filter from the address.
func (v *visit) journalQuery(here address) (JournalQuery, map[string]string) {
	get := func(name string) string { return strings.TrimSpace(here.query.Get(name)) }
	q := JournalQuery{Kind: get("kind"), Account: get("account"), About: get("about"), Person: get("person")}
	wrong := map[string]string{}
	zone := v.site.Zone
	if zone == nil {
		zone = time.UTC
	}
	for _, d := range []struct {
		name string
		into *time.Time
		add  int
	}{{"from", &q.From, 0}, {"until", &q.Until, 1}} {
		if text := get(d.name); text != "" {
			day, err := time.ParseInLocation(time.DateOnly, text, zone)
			if err != nil {
				wrong[d.name] = v.p.T("journal.wrong_day")
				continue
			}
			*d.into = day.AddDate(0, 0, d.add) // until the end of that day
		}
	}
	q.Before, _ = strconv.ParseInt(get("before"), 10, 64) // none is the newest
	q.Before = max(0, q.Before)
	return q, wrong
}

// journalPage shows entries, how the journal stands, and how long it is kept.
func (s *server) journalPage(v *visit) error { return v.showJournal(nil) }

// showJournal shows the page; wrong is what cannot be of a form it has to give back.
func (v *visit) showJournal(wrong map[string]string) error {
	here := v.here()
	q, problems := v.journalQuery(here)
	maps.Copy(problems, wrong)
	p, err := v.Journal.Happened(v.r.Context(), q)
	if fault.Of(err) == fault.Invalid && err != nil { // a kind that none can be
		problems["kind"] = v.p.T("journal.wrong_kind")
		p, err = v.Journal.Happened(v.r.Context(), JournalQuery{})
	}
	if err != nil {
		return err
	}
	var open *JournalEntry
	if number, err := strconv.ParseInt(here.query.Get("open"), 10, 64); err == nil {
		e, err := v.Journal.Entry(v.r.Context(), number)
		if err != nil {
			return err
		}
		open = &e
	}
	pg := page{title: v.p.T("nav.journal"), lead: v.p.T("journal.lead"), section: "/settings/journal"}
	if len(problems) > 0 {
		pg.status = 400
	}
	return v.show(pg, journalBody(v, here, q, p, open, problems))
}

// journalPerson looks for the entries about a patient. The identifier is not in any
// address: what stands for the patient in the journal is.
func (s *server) journalPerson(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id := strings.TrimSpace(v.r.PostForm.Get("patient"))
	if id == "" {
		return v.showJournal(map[string]string{"patient": v.p.T("journal.wrong_patient")})
	}
	key, err := s.Journal.PersonKey(v.r.Context(), id, strings.TrimSpace(v.r.PostForm.Get("issuer")))
	if fault.Of(err) == fault.NotFound && err != nil {
		return v.showJournal(map[string]string{"patient": v.p.T("journal.nobody")})
	}
	if err != nil {
		return err
	}
	return v.back("/settings/journal?person="+key, "")
}

// journalVerify begins to verify.
func (s *server) journalVerify(v *visit) error {
	if err := s.Journal.VerifyJournal(v.r.Context()); err != nil {
		return err
	}
	return v.back("/settings/journal", "journal_verifying")
}

// journalExport sends what the filter finds, as it is read. Its beginning stands in
// the journal first.
func (s *server) journalExport(v *visit) error {
	here := v.here()
	q, wrong := v.journalQuery(here)
	format := here.query.Get("format")
	media := journalFormats[format]
	if media == "" || len(wrong) > 0 {
		return fault.Errorf(fault.Invalid, "no export as %q", format)
	}
	extension := map[string]string{"csv": "csv", "json": "ndjson", "fhir": "fhir.ndjson", "dicom": "xml.txt"}[format]
	out := &lateFile{v: v, name: "journal-" + v.now().Format(time.DateOnly) + "." + extension, media: media}
	err := s.Journal.ExportJournal(v.r.Context(), out, q, format)
	if err != nil && out.begun {
		v.Log.ErrorContext(v.r.Context(), "export of the journal broke off", "request_id", RequestID(v.r.Context()), "kind", fault.Of(err).String())
		panic(http.ErrAbortHandler) // the reader must not take a part for all
	}
	if err == nil && !out.begun {
		_, err = out.Write(nil)
	}
	return err
}

// A lateFile is a file to keep whose head is sent with its first byte, so that what
// goes wrong before is an error page.
type lateFile struct {
	v           *visit
	name, media string
	begun       bool
}

func (f *lateFile) Write(b []byte) (int, error) {
	if !f.begun {
		f.begun = true
		f.v.attach(f.name, f.media)
	}
	return f.v.w.Write(b)
}

// journalTable lists entries.
func (v *visit) journalTable(here address, q JournalQuery, p JournalPage) face.Table {
	t := face.Table{
		ID: "entries", Caption: v.p.T("journal.entries"), Dense: true,
		Empty: face.Nothing(v.p.T("journal.empty"), v.p.T("journal.empty_text")),
		Columns: []face.Column{
			{Label: v.p.T("journal.time"), Phone: face.Name},
			{Label: v.p.T("journal.account")},
			{Label: v.p.T("journal.kind"), Phone: face.Beside},
			{Label: v.p.T("journal.about"), Phone: face.Wide},
			{Label: v.p.T("journal.number"), Numeric: true},
		},
	}
	if q.Before != 0 {
		t.First = here.without("before", "open").String()
	}
	if p.More && len(p.Entries) > 0 {
		t.Next = here.without("open").with("before", strconv.FormatInt(p.Entries[len(p.Entries)-1].Number, 10)).String()
	}
	for _, e := range p.Entries {
		number := strconv.FormatInt(e.Number, 10)
		t.Rows = append(t.Rows, face.Row{
			ID: number, Href: here.with("open", number).String() + "#drawer", Open: here.query.Get("open") == number,
			Cells: []templ.Component{
				face.Figures(v.p.DateTime(v.local(e.At)), ""), face.Words(orElse(e.Name, e.Actor), ""), face.Figures(e.Kind, ""),
				face.Words(orElse(e.About, "–"), ""), face.Words(number, ""),
			},
		})
	}
	return t
}

// entryFacts are what is known of an entry.
func (v *visit) entryFacts(here address, e JournalEntry) []face.Fact {
	here = here.without("open", "before", "from", "until", "kind", "account", "about", "person")
	facts := []face.Fact{
		{Label: v.p.T("journal.time"), Value: v.p.DateTime(v.local(e.At))},
		{Label: v.p.T("journal.account"), Value: orElse(e.Name, e.Actor), Origin: e.Actor, Href: here.with("account", e.Actor).String()},
		{Label: v.p.T("journal.kind"), Value: e.Kind, Href: here.with("kind", e.Kind).String()},
	}
	if e.About != "" {
		facts = append(facts, face.Fact{Label: v.p.T("journal.about"), Value: e.About, Href: here.with("about", e.About).String()})
	}
	if e.Person != "" {
		facts = append(facts, face.Fact{
			Label: v.p.T("journal.person"), Value: e.Person, Origin: v.p.T("journal.pseudonym"), Href: here.with("person", e.Person).String(),
		})
	}
	return append(facts, face.Fact{Label: v.p.T("journal.id"), Value: e.ID, Code: true})
}

// standing says in one notice how the journal stands.
func (v *visit) standing(s JournalState) face.Notice {
	args := lang.Args{"n": s.Entries, "entry": s.Broken}
	switch {
	case !s.Running.IsZero():
		return face.Notice{Tone: face.Neutral, Title: v.p.T("journal.verifying"), Text: v.p.T("journal.verifying_text", lang.Args{"at": v.p.DateTime(v.local(s.Running))})}
	case s.Failed:
		return face.Notice{Tone: face.Attention, Title: v.p.T("journal.unverifiable"), Text: v.p.T("journal.unverifiable_text")}
	case s.Verified.IsZero():
		return face.Notice{Tone: face.Neutral, Title: v.p.T("journal.unverified"), Text: v.p.T("journal.unverified_text")}
	case s.Broken != 0:
		return face.Notice{Tone: face.Trouble, Title: v.p.T("journal.broken", args), Text: v.p.T("journal.broken_" + s.Reason)}
	}
	return face.Notice{Tone: face.Good, Title: v.p.T("journal.whole", args), Text: v.p.T("journal.whole_text", lang.Args{"at": v.p.DateTime(v.local(s.Verified)), "signed": s.Signed})}
}

// mayOf reports whether whoever asks may do act here, to show what leads there.
func (v *visit) mayOf(act access.Act) bool {
	err := access.Check(v.r.Context(), act, access.Subject{Site: site.Default})
	return err == nil || access.Need(err) == access.NeedFresh // whoever must sign in again is asked there
}
