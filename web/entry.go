package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Entry takes doses that no device sends: typed in, from tables, from earlier systems.
type Entry interface {
	// Entry returns what was entered, and the entry that is to be corrected if id names one.
	Entry(ctx context.Context, language, id string) (EntryPage, error)
	// EnterDose keeps an entry, or corrects the one of that id; what is wrong is returned.
	EnterDose(ctx context.Context, who Person, id, reason string, f EntryForm) ([]EntryWrong, error)
	WithdrawDose(ctx context.Context, who Person, id, reason string) error
	// ImportDoses takes the rows of a file, or with dry only says what would happen.
	ImportDoses(ctx context.Context, who Person, raw []byte, product, release, machine, method string, dry bool) (EntryTrial, error)
	UndoImport(ctx context.Context, who Person, id string) error
	Reconciliation(ctx context.Context, id string) (EntryAccount, error)
	SignImport(ctx context.Context, who Person, id string) error
	ReconciliationFile(ctx context.Context, w io.Writer, id string) error
}

// An EntryPage is what was entered, and what can be chosen for a form.
type EntryPage struct {
	Entries []EntryLine
	Batches []EntryBatch

	Machines, Exams, Quantities, Units []face.Choice
	Form                               EntryForm // of the entry that is to be corrected
	Correct                            string    // its id, "" for a new one
}

// An EntryLine is an entry that was typed in.
type EntryLine struct {
	ID, Day, Room, Exam, Values, By, Study string
	Methods                                []string
	Withdrawn, Replaced                    bool
	At                                     time.Time
	Version                                int
}

// An EntryBatch is a file that was imported.
type EntryBatch struct {
	ID, Product, Release, By, Digest string
	Taken, Left                      int
	At                               time.Time
	Undone                           bool
	SignedBy                         string
	SignedAt                         time.Time
}

// An EntryForm is what somebody types in.
type EntryForm struct {
	Machine, Day, Clock, Exam, Description, Accession, Study string
	PatientID, Name, Birth, Age, Sex, Height, Weight, Why    string
	Screen                                                   string // SOP Instance UID of the image that it was read off
	Quantity, Value, Unit, Method                            [entryRows]string
}

// entryRows is how many quantities a form has.
const entryRows = 3

// An EntryWrong says what is wrong with a field or a row.
type EntryWrong struct {
	Line         int
	Column, Rule string
}

// An EntryTrial is what importing a file would do, or did.
type EntryTrial struct {
	Batch       string
	Rows, Taken int
	Called      []string
	Wrong       []EntryWrong
}

// An EntryAccount is what a file tells beside what is here.
type EntryAccount struct {
	EntryBatch
	Lines   []EntryAccountLine
	Left    []EntryLeft
	Pending int
	Holds   bool // what was signed is what the figures are
}

// An EntryAccountLine is one figure of a room in a year.
type EntryAccountLine struct {
	Room, Year, What, Unit, Theirs, Ours, Difference string
	Replaced                                         int
	Differs                                          bool
}

// An EntryLeft is a row that was not taken.
type EntryLeft struct {
	EntryWrong
	Called, Year string
}

// entryMethods are the ways in which a value can be known.
var entryMethods = []string{"console", "dap_meter", "tube_output", "table_value"}

const entryAt = "/dose/entry"

// mostEntry bounds a file that is brought.
const mostEntry = 64 << 20

// An entryOutcome is what became of a form.
type entryOutcome struct {
	form  *EntryForm
	id    string
	wrong []EntryWrong
	tried *EntryTrial
	said  string // why a file was refused
}

// entryPage shows what was entered.
func (s *server) entryPage(v *visit) error {
	f, err := v.besideScreen()
	if err != nil {
		return err
	}
	return v.showEntry(entryOutcome{form: f, id: v.r.URL.Query().Get("correct")})
}

// showEntry shows the page with what became of a form.
func (v *visit) showEntry(st entryOutcome) error {
	pg, err := v.Entry.Entry(v.r.Context(), v.p.Tag(), st.id)
	if err != nil {
		return err
	}
	if st.form != nil {
		pg.Form, pg.Correct = *st.form, st.id
	}
	head := page{title: v.p.T("nav.entry"), lead: v.p.T("entry.lead"), section: entryAt}
	if len(st.wrong) > 0 || st.said != "" {
		head.status = 400
	}
	return v.show(head, entryBody(v, pg, st))
}

// entryEnter takes a form.
func (s *server) entryEnter(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	f := EntryForm{
		Machine: get("machine"), Day: get("day"), Clock: get("clock"), Exam: get("exam"), Description: get("description"), Accession: get("accession"),
		Study: get("study"), PatientID: get("patient_id"), Name: get("name"), Birth: get("birth"), Age: get("age"), Sex: get("sex"),
		Height: get("height"), Weight: get("weight"), Why: get("why"), Screen: get("screen"),
	}
	for i := range entryRows {
		n := fmt.Sprint(i)
		f.Quantity[i], f.Value[i], f.Unit[i], f.Method[i] = get("quantity"+n), get("value"+n), get("unit"+n), get("method"+n)
	}
	wrong, err := s.Entry.EnterDose(v.r.Context(), v.who, get("id"), f.Why, f)
	if fault.Of(err) == fault.Conflict {
		wrong, err = []EntryWrong{{Column: "", Rule: "twice"}}, nil
	}
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return v.showEntry(entryOutcome{form: &f, id: get("id"), wrong: wrong})
	}
	return v.back(entryAt, "entry_entered")
}

// entryWithdraw takes an entry back.
func (s *server) entryWithdraw(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Entry.WithdrawDose(v.r.Context(), v.who, v.r.PostForm.Get("id"), strings.TrimSpace(v.r.PostForm.Get("why"))); err != nil {
		return err
	}
	return v.back(entryAt, "entry_withdrawn")
}

// entryImport tries a file, or takes it.
func (s *server) entryImport(v *visit) error {
	if err := v.r.ParseMultipartForm(8 << 20); err != nil {
		return tooMuch(err)
	}
	defer func() { _ = v.r.MultipartForm.RemoveAll() }()
	file, _, err := v.r.FormFile("table")
	if err != nil {
		return v.showEntry(entryOutcome{said: v.p.T("entry.no_file")})
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, mostEntry+1))
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	get := v.r.PostForm.Get
	if v.r.MultipartForm != nil {
		get = v.r.FormValue
	}
	t, err := s.Entry.ImportDoses(v.r.Context(), v.who, raw, get("product"), strings.TrimSpace(get("release")), get("on"), get("by"), get("do") != "take")
	switch fault.Of(err) {
	case fault.Conflict:
		return v.showEntry(entryOutcome{said: v.p.T("entry.file_twice")})
	case fault.Invalid, fault.Exhausted, fault.Unsupported:
		return v.showEntry(entryOutcome{said: v.p.T("entry.file_wrong")})
	default:
		if err != nil {
			return err
		}
	}
	if t.Batch != "" {
		return v.back(entryReconcileAt(t.Batch), "entry_imported")
	}
	return v.showEntry(entryOutcome{tried: &t})
}

// entryUndo takes an import back.
func (s *server) entryUndo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Entry.UndoImport(v.r.Context(), v.who, v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.back(entryAt, "entry_undone")
}

// entryReconcileAt is the address of a reconciliation.
func entryReconcileAt(id string) string { return entryAt + "/reconcile?id=" + id }

// entryReconcile shows an import beside what is here.
func (s *server) entryReconcile(v *visit) error {
	a, err := s.Entry.Reconciliation(v.r.Context(), v.r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("entry.reconciliation"), lead: v.p.T("entry.reconciliation_lead"), section: entryAt}, entryAccountBody(v, a))
}

// entrySign signs a reconciliation.
func (s *server) entrySign(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id := v.r.PostForm.Get("id")
	if err := s.Entry.SignImport(v.r.Context(), v.who, id); err != nil {
		return err
	}
	return v.back(entryReconcileAt(id), "entry_signed")
}

// entryFile hands out a reconciliation.
func (s *server) entryFile(v *visit) error {
	var b bytes.Buffer
	if err := s.Entry.ReconciliationFile(v.r.Context(), &b, v.r.URL.Query().Get("id")); err != nil {
		return err
	}
	v.attach("reconciliation.csv", "text/csv; charset=utf-8")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// entryRule says what is wrong, and the way out.
func (v *visit) entryRule(w EntryWrong) string {
	text := v.p.T("entry.rule_" + w.Rule)
	if w.Column != "" {
		text = w.Column + ": " + text
	}
	if w.Line > 0 {
		text = v.p.T("entry.line", lang.Args{"n": w.Line}) + " " + text
	}
	return text
}

// methodChoices are the ways in which a value can be known.
func (v *visit) methodChoices() (all []face.Choice) {
	for _, m := range entryMethods {
		all = append(all, face.Choice{Code: m, Label: v.p.T("entry.method_" + m)})
	}
	return all
}

// enteredQuantities names quantities.
func (v *visit) enteredQuantities(all []face.Choice) []face.Choice {
	named := make([]face.Choice, len(all))
	for i, c := range all {
		named[i] = face.Choice{Code: c.Code, Label: v.p.T("quantity." + c.Code)}
	}
	return named
}

// entryTable lists what was typed in.
func (v *visit) entryTable(pg EntryPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "entries", Caption: p.T("entry.typed"), Empty: face.Nothing(p.T("entry.empty"), p.T("entry.empty_text")),
		Columns: []face.Column{
			{Label: p.T("entry.day"), Phone: face.Name},
			{Label: p.T("entry.room")},
			{Label: p.T("entry.exam")},
			{Label: p.T("entry.values"), Phone: face.Beside},
			{Label: p.T("entry.by")},
			{Label: p.T("entry.state"), Phone: face.Drawn},
		},
	}
	for _, e := range pg.Entries {
		href := entryAt + "?correct=" + e.ID
		if e.Withdrawn {
			href = ""
		}
		t.Rows = append(t.Rows, face.Row{ID: "entry-" + e.ID, Href: href, Cells: []templ.Component{
			face.Words(e.Day, ""), face.Words(e.Room, ""), face.Words(orElse(e.Exam, "–"), ""),
			face.Words(e.Values, v.methodWords(e.Methods)), face.Words(e.By, v.since(e.At)), entryTag(v, e),
		}})
	}
	return t
}

// methodWords names methods.
func (v *visit) methodWords(all []string) string {
	words := make([]string, len(all))
	for i, m := range all {
		words[i] = v.p.T("entry.method_" + m)
	}
	return strings.Join(words, ", ")
}

// entryAccountTable shows a file beside what is here.
func (v *visit) entryAccountTable(a EntryAccount) face.Table {
	p := v.p
	t := face.Table{
		ID: "account", Caption: p.T("entry.reconciliation"), Empty: face.Nothing(p.T("entry.nothing"), p.T("entry.nothing_text")),
		Columns: []face.Column{
			{Label: p.T("entry.room"), Phone: face.Name},
			{Label: p.T("entry.year")},
			{Label: p.T("entry.what")},
			{Label: p.T("entry.theirs"), Numeric: true},
			{Label: p.T("entry.ours"), Numeric: true},
			{Label: p.T("entry.difference"), Numeric: true, Phone: face.Beside},
			{Label: p.T("entry.replaced"), Numeric: true},
		},
	}
	for i, l := range a.Lines {
		what, replaced := p.T("entry.examinations"), fmt.Sprint(l.Replaced)
		if l.What != "" {
			what, replaced = p.T("quantity."+l.What), ""
		}
		t.Rows = append(t.Rows, face.Row{ID: fmt.Sprintf("account-%d", i), Cells: []templ.Component{
			face.Words(l.Room, ""), face.Words(orElse(l.Year, "–"), ""), face.Words(what, l.Unit),
			face.Words(l.Theirs, ""), face.Words(l.Ours, ""), face.Words(l.Difference, ""), face.Words(replaced, ""),
		}})
	}
	return t
}
