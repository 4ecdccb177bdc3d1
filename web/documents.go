package web

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Documents is the register of protocols, procedures and manuals.
type Documents interface {
	Documents(ctx context.Context, language string) (DocumentsPage, error)
	// Document returns one. NotFound: there is none.
	Document(ctx context.Context, language, id string, who Person) (DocumentPage, error)
	// DocumentKeep enters a document, or with an id changes it, and returns its id.
	// Invalid: said to whoever typed it.
	DocumentKeep(ctx context.Context, by Person, id string, h DocumentHead) (string, error)
	// DocumentAdd puts in a version, with a file, a link, or both.
	DocumentAdd(ctx context.Context, by Person, id string, d DocumentDraft) error
	// DocumentApprove puts the latest version in force. Forbidden: the same person put it in.
	DocumentApprove(ctx context.Context, by Person, id string, version int64, next string) error
	DocumentReview(ctx context.Context, by Person, id, next, note string, expert bool) error
	DocumentRead(ctx context.Context, by Person, id string, version int64) error
	DocumentWithdraw(ctx context.Context, by Person, id string, withdrawn bool) error
	// DocumentFile returns the file of a version. NotFound: there is none.
	DocumentFile(ctx context.Context, id string, version int64) (name, media string, raw []byte, err error)
}

// A DocumentHead is what is said of a document, in codes.
type DocumentHead struct {
	Title, Kind, Topic, Owner            string
	HighDose                             bool
	Readers, Rooms, Audits, Duties, Exam []string
}

// A DocumentDraft is a version that somebody brings.
type DocumentDraft struct {
	Label, Change, Link string
	Name                string // of the file
	Raw                 []byte
}

// DocumentChoices are what a head can be made of.
type DocumentChoices struct{ Kinds, Topics, Readers, Rooms, Audits, Duties, Exams []face.Choice }

// A DocumentsPage is the register.
type DocumentsPage struct {
	Choices                      DocumentChoices
	Lines                        []DocumentLine
	Current, Overdue, Unapproved int
	ToRead                       int // documents that whoever asks is to read
}

// A DocumentLine is one document in the register.
type DocumentLine struct {
	ID, Title, Kind, Owner, State string
	Number                        int64
	Version                       string
	Next                          time.Time
}

// A DocumentPage is one document.
type DocumentPage struct {
	DocumentLine
	Head     DocumentHead
	Choices  DocumentChoices
	Versions []DocumentVersion
	Reviews  []DocumentReview
	Readings []DocumentReading
	InForce  int64 // number of the version; 0: none
	Read     bool  // by whoever asks
	Own      bool  // whoever asks put in the latest version
}

// A DocumentVersion is a file or a link, as somebody put it in.
type DocumentVersion struct {
	Number              int64
	Label, Change, Link string
	File, Media, Digest string
	Bytes               int64
	By, Approved        string // names
	Day                 time.Time
	ApprovedOn          time.Time
}

// A DocumentReview says that a version stays good.
type DocumentReview struct {
	Version   int64
	Day, Next time.Time
	Expert    bool
	Note, By  string
}

// A DocumentReading is who is to read, and when they did.
type DocumentReading struct {
	Name string
	At   time.Time // zero: not yet
}

// documentsAt is the address of the register.
const documentsAt = "/quality/documents"

// mostDocument bounds what a form with a file may send.
const mostDocument = 11 << 20

// documentRoutes are the addresses of documents.
func (s *server) documentRoutes(g registrar) {
	if s.Documents == nil {
		return
	}
	g.get(documentsAt, access.DocumentRead, s.documentList)
	g.post(documentsAt, access.DocumentChange, s.documentEnter)
	g.get(documentsAt+"/{id}", access.DocumentRead, s.documentPage)
	g.post(documentsAt+"/{id}", access.DocumentChange, s.documentChange)
	g.upload(documentsAt+"/{id}/version", access.DocumentChange, mostDocument, s.documentAdd)
	g.post(documentsAt+"/{id}/approve", access.DocumentApprove, s.documentApprove)
	g.post(documentsAt+"/{id}/review", access.DocumentChange, s.documentReview)
	g.post(documentsAt+"/{id}/read", access.DocumentConfirm, s.documentRead)
	g.post(documentsAt+"/{id}/withdraw", access.DocumentChange, s.documentWithdraw)
	g.get(documentsAt+"/{id}/versions/{version}/export", access.DocumentRead, s.documentFile)
}

// documentAt is the address of a document.
func documentAt(id string) string { return documentsAt + "/" + url.PathEscape(id) }

// documentFileAt is the address of the file of a version.
func documentFileAt(id string, version int64) string {
	return documentAt(id) + "/versions/" + strconv.FormatInt(version, 10) + "/export"
}

// documentList shows the register.
func (s *server) documentList(v *visit) error { return s.showDocuments(v, DocumentHead{}, "") }

func (s *server) showDocuments(v *visit, typed DocumentHead, why string) error {
	pg, err := s.Documents.Documents(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	p := page{title: v.p.T("document.title"), lead: v.p.T("document.lead"), section: documentsAt}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, documentsBody(v, pg, typed, why))
}

// documentHead reads what is said of a document.
func (v *visit) documentHead() DocumentHead {
	form := v.r.PostForm
	return DocumentHead{
		Title: v.field("title"), Kind: v.field("kind"), Topic: v.field("topic"), Owner: v.field("owner"), HighDose: v.field("high_dose") != "",
		Readers: form["reader"], Rooms: form["room"], Audits: form["audit"], Duties: form["duty"], Exam: form["exam"],
	}
}

// documentEnter enters a document and leads to its page.
func (s *server) documentEnter(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	h := v.documentHead()
	id, err := s.Documents.DocumentKeep(v.r.Context(), v.who, "", h)
	if why := said(err); why != "" {
		return s.showDocuments(v, h, why)
	}
	if err != nil {
		return err
	}
	return v.back(documentAt(id), "document_entered")
}

// documentPage shows a document.
func (s *server) documentPage(v *visit) error { return s.showDocument(v, nil, "") }

func (s *server) showDocument(v *visit, typed *DocumentHead, why string) error {
	pg, err := s.Documents.Document(v.r.Context(), v.p.Tag(), v.r.PathValue("id"), v.who)
	if err != nil {
		return err
	}
	if typed != nil {
		pg.Head = *typed
	}
	p := page{
		title: pg.Title, lead: v.p.T("document.one", lang.Args{"number": strconv.FormatInt(pg.Number, 10)}) + " · " + v.p.T("document.state_"+pg.State), section: documentsAt,
		crumbs: []crumb{{v.p.T("nav.documents"), documentsAt}},
	}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, documentBody(v, pg, why))
}

// done shows a document again: what was refused, or that it is kept.
func (s *server) documentDone(v *visit, typed *DocumentHead, err error) error {
	why := said(err)
	if fault.Of(err) == fault.Unsupported {
		why = err.Error()
	}
	if why != "" {
		return s.showDocument(v, typed, why)
	}
	if err != nil {
		return err
	}
	return v.back(documentAt(v.r.PathValue("id")), "document_saved")
}

// documentChange changes what is said of a document.
func (s *server) documentChange(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	h := v.documentHead()
	_, err := s.Documents.DocumentKeep(v.r.Context(), v.who, v.r.PathValue("id"), h)
	return s.documentDone(v, &h, err)
}

// documentAdd puts in a version.
func (s *server) documentAdd(v *visit) error {
	if err := v.r.ParseMultipartForm(1 << 20); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return s.documentDone(v, nil, fault.Errorf(fault.Exhausted, "%s", v.p.T("document.too_large")))
		}
		return fault.As(fault.Invalid, err)
	}
	defer func() { _ = v.r.MultipartForm.RemoveAll() }()
	get := func(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }
	d := DocumentDraft{Label: get("label"), Change: get("change"), Link: get("link")}
	if file, head, err := v.r.FormFile("file"); err == nil {
		defer file.Close()
		d.Name = head.Filename
		if d.Raw, err = io.ReadAll(io.LimitReader(file, mostDocument)); err != nil {
			return fault.As(fault.Invalid, err)
		}
	}
	return s.documentDone(v, nil, s.Documents.DocumentAdd(v.r.Context(), v.who, v.r.PathValue("id"), d))
}

// documentVersion is the version that a form or an address names; 0 if it names none.
func documentVersion(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// documentApprove puts the latest version in force.
func (s *server) documentApprove(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	return s.documentDone(v, nil, s.Documents.DocumentApprove(v.r.Context(), v.who, v.r.PathValue("id"), documentVersion(v.field("version")), v.field("next")))
}

// documentReview says that the version in force stays good.
func (s *server) documentReview(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	return s.documentDone(v, nil, s.Documents.DocumentReview(v.r.Context(), v.who, v.r.PathValue("id"), v.field("next"), v.field("note"), v.field("expert") != ""))
}

// documentRead confirms that somebody read the version in force.
func (s *server) documentRead(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	return s.documentDone(v, nil, s.Documents.DocumentRead(v.r.Context(), v.who, v.r.PathValue("id"), documentVersion(v.field("version"))))
}

// documentWithdraw takes a document out of use, or into it again.
func (s *server) documentWithdraw(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	return s.documentDone(v, nil, s.Documents.DocumentWithdraw(v.r.Context(), v.who, v.r.PathValue("id"), v.field("withdrawn") != ""))
}

// documentFile gives the file of a version, to keep and never to show: what others wrote
// runs nothing here.
func (s *server) documentFile(v *visit) error {
	name, media, raw, err := s.Documents.DocumentFile(v.r.Context(), v.r.PathValue("id"), documentVersion(v.r.PathValue("version")))
	if err != nil {
		return err
	}
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	v.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	v.attach(plain, media)
	_, _ = v.w.Write(raw)
	return nil
}

// documentTable is the register as a table.
func (v *visit) documentTable(pg DocumentsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "documents", Caption: p.T("document.list"), Empty: face.Nothing(p.T("document.none"), p.T("document.none_text")),
		Columns: []face.Column{
			{Label: p.T("document.name"), Phone: face.Name},
			{Label: p.T("document.number")},
			{Label: p.T("document.owner")},
			{Label: p.T("document.version")},
			{Label: p.T("document.next")},
			{Label: p.T("document.state"), Phone: face.Beside},
		},
	}
	for _, l := range pg.Lines {
		t.Rows = append(t.Rows, face.Row{ID: l.ID, Href: documentAt(l.ID), Cells: []templ.Component{
			face.Words(l.Title, p.T("document.kind_"+l.Kind)), face.Words(strconv.FormatInt(l.Number, 10), ""), face.Words(l.Owner, ""),
			face.Words(orElse(l.Version, "–"), ""), face.Words(v.dayOr(l.Next), ""), face.Words(p.T("document.state_"+l.State), ""),
		}})
	}
	return t
}

// dayOr prints a day, and a dash for none.
func (v *visit) dayOr(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return v.p.Date(t)
}

// documentTiles are where the register stands.
func (v *visit) documentTiles(pg DocumentsPage) []face.Tile {
	count := func(key string, n int, tone face.Tone) face.Tile {
		t := face.Tile{Label: v.p.T("document.tile_" + key), Value: v.p.Count(int64(n)), Basis: v.p.T("document.tile_of", lang.Args{"n": len(pg.Lines)})}
		if n > 0 {
			t.Tone = tone
		}
		return t
	}
	return []face.Tile{
		count("current", pg.Current, ""), count("overdue", pg.Overdue, face.Attention), count("unapproved", pg.Unapproved, face.Attention), count("to_read", pg.ToRead, face.Attention),
	}
}

// documentFacts are what is said of a document.
func (v *visit) documentFacts(pg DocumentPage) []face.Fact {
	p, h := v.p, pg.Head
	facts := []face.Fact{
		{Label: p.T("document.kind"), Value: p.T("document.kind_" + pg.Kind)},
		{Label: p.T("document.owner"), Value: pg.Owner},
		{Label: p.T("document.version"), Value: orElse(pg.Version, "–")},
		{Label: p.T("document.next"), Value: v.dayOr(pg.Next)},
	}
	if h.Topic != "" {
		facts = append(facts, face.Fact{Label: p.T("document.topic"), Value: p.T("document.topic_" + h.Topic)})
	}
	for _, used := range []struct {
		label   string
		codes   []string
		choices []face.Choice
	}{
		{"rooms", h.Rooms, pg.Choices.Rooms},
		{"exams", h.Exam, pg.Choices.Exams},
		{"audits", h.Audits, pg.Choices.Audits},
		{"duties", h.Duties, pg.Choices.Duties},
		{"readers", h.Readers, pg.Choices.Readers},
	} {
		if len(used.codes) == 0 {
			continue
		}
		var words []string
		for _, code := range used.codes {
			words = append(words, label(used.choices, code))
		}
		facts = append(facts, face.Fact{Label: p.T("document." + used.label), Value: strings.Join(words, "; ")})
	}
	if h.HighDose {
		facts = append(facts, face.Fact{Label: p.T("document.high_dose"), Value: p.T("document.yes")})
	}
	return facts
}

// documentReadings are who read the version in force, and who is still to.
func (v *visit) documentReadings(pg DocumentPage) face.Table {
	p := v.p
	empty := face.Nothing(p.T("document.nobody"), p.T("document.nobody_text"))
	if len(pg.Head.Readers) > 0 {
		empty = face.Nothing(p.T("document.nobody"), p.T("document.nobody_there"))
	}
	t := face.Table{ID: "readings", Caption: p.T("document.readings"), Dense: true, Empty: empty, Columns: []face.Column{
		{Label: p.T("document.person"), Phone: face.Name}, {Label: p.T("document.read_at"), Phone: face.Beside},
	}}
	all := slices.SortedFunc(slices.Values(pg.Readings), func(a, b DocumentReading) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Name, b.Name))
	})
	for i, r := range all {
		when := p.T("document.not_read")
		if !r.At.IsZero() {
			when = p.DateTime(v.local(r.At))
		}
		t.Rows = append(t.Rows, face.Row{ID: "r" + strconv.Itoa(i), Cells: []templ.Component{face.Words(r.Name, ""), face.Words(when, "")}})
	}
	return t
}
