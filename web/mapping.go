package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Mapping says which examination a local name means, and takes what people say: one
// proposes, a second one approves, and every step can be undone. Decide returns a
// RefusalError for fields it does not accept.
type Mapping interface {
	Mapping(ctx context.Context, q MappingQuery) (MappingPage, error)
	// FindMeaning finds examinations or indications by words.
	FindMeaning(ctx context.Context, q MeaningQuery) ([]MeaningHit, error)
	Decide(ctx context.Context, who Person, d MappingDecision) error
	// Settle approves proposals, or refuses them with a reason.
	Settle(ctx context.Context, who Person, ids []string, approve bool, why string) error
	// Undo takes back a step, the latest of who if none is named; NotFound if there is none.
	Undo(ctx context.Context, who Person, step string) error
	// DecideAlone says whether one person decides, and why.
	DecideAlone(ctx context.Context, who Person, alone bool, why string) error
	ImportNames(ctx context.Context, who Person, table io.Reader, dry bool) (NameImport, error)
	UndoImport(ctx context.Context, who Person, id string) error
	ExportNames(ctx context.Context, w io.Writer) error
	// Progress returns how many studies are still to be worked out anew.
	Progress(ctx context.Context) (int64, error)
}

// A MappingQuery says which names are looked at.
type MappingQuery struct {
	Language string
	Name     string // id of the one that is open, "" for the first without a meaning
	Who      Person
}

// A MeaningQuery asks for an examination or indication by words.
type MeaningQuery struct {
	Language   string
	Indication bool
	Name       string // id of the name it is for, "" for none: of its kind of machine alone
	Text       string
}

// A MeaningHit is an examination or indication that was found.
type MeaningHit struct {
	face.Choice
	Why []lang.Message // what speaks for it, the strongest first
}

// A MappingPage lists local names, those without a meaning by volume.
type MappingPage struct {
	Started     bool // false until the first name has been seen
	Unmapped    []LocalName
	Mapped      []LocalName
	Waiting     []NameProposal // for a second person
	Exams       []face.Choice
	Indications []face.Choice
	Share       float64            // of examinations that are mapped
	KnownBy     map[string]float64 // share of examinations by how the indication is known
	Last        *NameStep          // what Undo would take back, nil if nothing
	Current     *CurrentName       // the one that is open, nil if there is none
	Alone       *AloneDecision     // by which one person decides; nil where a second one agrees
	Pending     int64              // studies that are worked out anew
	Imports     []NameImport
}

// A CurrentName is what is known of the name that is open.
type CurrentName struct {
	LocalName
	Machines []face.Choice // where it was seen; Chosen are those it has no meaning on
	Chosen   []string
	Beside   []lang.Message // what else stands in its examinations
	Hits     []MeaningHit   // what it may mean: proposed, never applied
	History  []NameStep     // the latest first
	Next     string         // id of the name after it, "" if it is the last
}

// A NameProposal waits for a second person.
type NameProposal struct {
	ID    string
	Name  LocalName // with what it is to mean, and who said so when
	Rooms []string  // none for all
	Why   string
	Mine  bool // of whoever looks: somebody else approves it
}

// A NameStep is one thing that somebody did about a name.
type NameStep struct {
	ID, Kind, Name string // proposed, approved, refused, revoked, undone
	From, To       string // meanings in words, "" for none
	Who            string
	At             time.Time
	Why            string
	Undone         bool // it was taken back
	Open           bool // it can be taken back
}

// An AloneDecision says that one person decides, who said so and why.
type AloneDecision struct {
	Who string
	At  time.Time
	Why string
}

// A NameImport is what a table of names would do, or did.
type NameImport struct {
	ID                string // "" of one that was only tried
	Who               string
	At                time.Time
	New, Change, Same int
	Steps             int // of one that was done
	Undone            bool
	Errors            []NameRowError
}

// A NameRowError says what is wrong with a line of a table: a code that has words.
type NameRowError struct {
	Line int
	Why  string
}

// A LocalName is a protocol or procedure name of a machine or an order system,
// with what it means once someone has said so.
type LocalName struct {
	ID         string // stable, safe in an address
	Name       string
	Source     string   // protocol or procedure
	Rooms      []string // names of the rooms it was seen in
	N          int      // examinations in the last 12 months
	Share      float64  // of all examinations
	LastSeen   time.Time
	Elsewhere  string      // exam code the same name has in other rooms, proposed only
	Exam       face.Choice // meaning; the zero Choice while unmapped
	Indication face.Choice
	KnownBy    string
	ApprovedBy string
	ApprovedAt time.Time
}

// A MappingDecision is what a name means, in a person's judgement.
type MappingDecision struct {
	ID         string
	Exam       string   // exam code; "" says that it is no patient examination
	Machines   []string // ids of those it is for, none for all
	Indication string   // code, "" if the name stands for no single one
	KnownBy    string   // order, protocol, assumed; "" without indication
	Why        string
}

// notPatient is what the form calls a name that is no examination of a patient.
const notPatient = "not_patient"

// knownBy are the ways an indication can be known.
var knownBy = []string{"order", "protocol", "assumed"}

// mappingPage shows the names, one of them open to decide.
func (s *server) mappingPage(v *visit) error { return v.showMapping(nil, nil, nil) }

// showMapping shows the page; asked and wrong are a form it has to give back, tried a
// table that was tried.
func (v *visit) showMapping(asked *MappingDecision, wrong map[string]string, tried *triedImport) error {
	name := v.r.URL.Query().Get("name")
	if asked != nil {
		name = asked.ID
	}
	m, err := v.Mapping.Mapping(v.r.Context(), MappingQuery{Language: v.p.Tag(), Name: name, Who: v.who})
	if err != nil {
		return err
	}
	view := mappingView{MappingPage: m, wrong: wrong, tried: tried}
	switch {
	case asked != nil:
		view.asked = *asked
		if wrong["exam"] != "" && asked.Exam != "" {
			view.found, err = v.Mapping.FindMeaning(v.r.Context(), MeaningQuery{Language: v.p.Tag(), Name: name, Text: asked.Exam})
		}
	case m.Current != nil:
		view.asked = MappingDecision{Exam: m.Current.Exam.Code, Indication: m.Current.Indication.Code, KnownBy: m.Current.KnownBy, Machines: m.Current.Chosen}
		if exam := v.r.URL.Query().Get("exam"); exam != "" {
			view.asked.Exam = exam
		}
	}
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.mapping"), lead: v.p.T("mapping.lead")}
	if wrong != nil {
		pg.status = http.StatusBadRequest
	}
	return v.show(pg, mappingBody(v, view))
}

// A mappingView is what the template needs.
type mappingView struct {
	MappingPage
	asked MappingDecision
	wrong map[string]string
	found []MeaningHit // by what was typed and is no code
	tried *triedImport
}

// A triedImport is a table that was tried, with what it says.
type triedImport struct {
	NameImport
	text string
}

// mappingFind shows what examinations or indications words lead to. Script puts the list
// under the field; without script it is a page that leads back.
func (s *server) mappingFind(v *visit) error {
	q := v.r.URL.Query()
	text := strings.TrimSpace(q.Get("q"))
	if len(text) > 200 {
		text = text[:200]
	}
	ask := MeaningQuery{Language: v.p.Tag(), Indication: q.Get("kind") == "indication", Name: q.Get("name"), Text: strings.ToValidUTF8(text, "")}
	var hits []MeaningHit
	if ask.Text != "" {
		var err error
		if hits, err = s.Mapping.FindMeaning(v.r.Context(), ask); err != nil {
			return err
		}
	}
	pg := page{title: v.p.T("mapping.find"), section: "/dose/mapping", crumbs: []crumb{{v.p.T("nav.mapping"), "/dose/mapping"}}}
	return v.show(pg, mappingFound(v, ask, hits))
}

// mappingProgress shows how far what changed is worked out.
func (s *server) mappingProgress(v *visit) error {
	n, err := s.Mapping.Progress(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("mapping.progress_title"), section: "/dose/mapping", crumbs: []crumb{{v.p.T("nav.mapping"), "/dose/mapping"}}}
	return v.show(pg, mappingPending(v, n))
}

// mappingDecide takes what somebody says and goes on to the next name.
func (s *server) mappingDecide(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	m, err := s.Mapping.Mapping(v.r.Context(), MappingQuery{Language: v.p.Tag(), Name: v.r.PostForm.Get("id"), Who: v.who})
	if err != nil {
		return err
	}
	d, wrong := readDecision(v.r.PostForm.Get, m)
	d.Machines = v.r.PostForm["machine"]
	switch {
	case slices.Contains(d.Machines, allMachines):
		d.Machines = nil
	case len(d.Machines) == 0 && v.r.PostForm.Get("on") != "":
		wrong["machine"] = "mapping.wrong_machine"
	}
	if len(wrong) > 0 {
		err = Refuse(wrong)
	} else {
		err = s.Mapping.Decide(v.r.Context(), v.who, d)
	}
	if fields := v.refused(err); fields != nil {
		return v.showMapping(&d, fields, nil)
	}
	if err != nil {
		return err
	}
	done := "proposed"
	if m.Alone != nil {
		done = "mapping"
	}
	to := "/dose/mapping"
	if m.Current != nil && m.Current.Next != "" {
		to += "?name=" + url.QueryEscape(m.Current.Next)
	}
	return v.back(to, done)
}

// allMachines is what the form calls every machine, those that come later too.
const allMachines = "*"

// readDecision parses the form. Who types may give a code or a name.
func readDecision(get func(string) string, m MappingPage) (MappingDecision, map[string]string) {
	wrong := map[string]string{}
	d := MappingDecision{ID: get("id"), KnownBy: get("known_by"), Why: strings.TrimSpace(get("why"))}
	typed := orElse(get("take"), get("exam"))
	exam, ok := resolve(typed, m.Exams)
	switch {
	case typed == notPatient:
		return MappingDecision{ID: d.ID, Why: d.Why}, wrong
	case !ok || exam == "":
		wrong["exam"] = "mapping.wrong_exam"
	}
	d.Exam = orElse(exam, typed)
	if d.Indication, ok = resolve(get("indication"), m.Indications); !ok {
		d.Indication, wrong["indication"] = get("indication"), "mapping.wrong_indication"
	}
	switch {
	case d.Indication == "":
		d.KnownBy = ""
	case !slices.Contains(knownBy, d.KnownBy):
		wrong["known_by"] = "mapping.wrong_known_by"
	}
	return d, wrong
}

// resolve returns the code for what was typed: a code, or a label, or the one
// label that begins with it.
func resolve(typed string, choices []face.Choice) (code string, ok bool) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", true
	}
	var begins []string
	for _, c := range choices {
		if strings.EqualFold(c.Code, typed) || strings.EqualFold(c.Label, typed) {
			return c.Code, true
		}
		if strings.HasPrefix(strings.ToLower(c.Label), strings.ToLower(typed)) {
			begins = append(begins, c.Code)
		}
	}
	if len(begins) == 1 {
		return begins[0], true
	}
	return "", false
}

// mappingUndo takes back a step.
func (s *server) mappingUndo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Mapping.Undo(v.r.Context(), v.who, v.r.PostForm.Get("step")); err != nil {
		return err
	}
	return v.back("/dose/mapping", "undone")
}

// mappingSettle approves or refuses what waits.
func (s *server) mappingSettle(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	ids, approve := f["proposal"], f.Get("do") != "refuse"
	if one, ok := strings.CutPrefix(f.Get("do"), "approve "); ok {
		ids = []string{one}
	}
	if len(ids) == 0 {
		return v.back("/dose/mapping", "")
	}
	if err := s.Mapping.Settle(v.r.Context(), v.who, ids, approve, f.Get("why")); err != nil {
		return err
	}
	if approve {
		return v.back("/dose/mapping", "mapping")
	}
	return v.back("/dose/mapping", "refused")
}

// mappingAlone says whether one person decides.
func (s *server) mappingAlone(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	why := strings.TrimSpace(v.r.PostForm.Get("why"))
	if why == "" {
		return v.showMapping(nil, map[string]string{"alone": v.p.T("mapping.wrong_why")}, nil)
	}
	if err := s.Mapping.DecideAlone(v.r.Context(), v.who, v.r.PostForm.Get("alone") == "yes", why); err != nil {
		return err
	}
	return v.back("/dose/mapping", "alone")
}

// mostNames bounds a table of names that is pasted or brought as a file.
const mostNames = 4 << 20

// mappingImport tries a table of names, or takes it.
func (s *server) mappingImport(v *visit) error {
	var text string
	if strings.HasPrefix(v.r.Header.Get("Content-Type"), "multipart/") {
		if err := v.r.ParseMultipartForm(mostNames); err != nil {
			return tooMuch(err)
		}
		defer func() { _ = v.r.MultipartForm.RemoveAll() }()
		file, _, err := v.r.FormFile("table")
		if err != nil {
			return v.showMapping(nil, map[string]string{"table": v.p.T("mapping.wrong_table")}, nil)
		}
		defer file.Close()
		raw, err := io.ReadAll(io.LimitReader(file, mostNames))
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		text = string(raw)
	} else {
		if err := v.r.ParseForm(); err != nil {
			return fault.As(fault.Invalid, err)
		}
		text = v.r.PostForm.Get("text")
	}
	dry := v.r.PostForm.Get("do") != "take"
	made, err := s.Mapping.ImportNames(v.r.Context(), v.who, strings.NewReader(text), dry)
	if err != nil {
		return err
	}
	if dry || len(made.Errors) > 0 {
		return v.showMapping(nil, nil, &triedImport{made, text})
	}
	return v.back("/dose/mapping", "imported")
}

// mappingImportUndo takes back an import.
func (s *server) mappingImportUndo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Mapping.UndoImport(v.r.Context(), v.who, v.r.PostForm.Get("import")); err != nil {
		return err
	}
	return v.back("/dose/mapping", "undone")
}

// mappingExport sends what names mean as a table.
func (s *server) mappingExport(v *visit) error {
	var b bytes.Buffer
	if err := s.Mapping.ExportNames(v.r.Context(), &b); err != nil {
		return err
	}
	v.attach("names-"+v.now().Format(time.DateOnly)+".tsv", "text/tab-separated-values; charset=utf-8")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// mappingTiles are the headline values of the page.
func (v *visit) mappingTiles(m MappingPage) []face.Tile {
	tiles := []face.Tile{{
		Label: v.p.T("mapping.share"), Value: v.p.Percent(m.Share),
		Basis: v.p.T("mapping.waiting", lang.Args{"n": len(m.Unmapped)}),
	}}
	for _, k := range knownBy {
		tiles = append(tiles, face.Tile{Label: v.p.T("knownby.share_" + k), Value: v.p.Percent(m.KnownBy[k]), Basis: v.p.T("mapping.period")})
	}
	return tiles
}
