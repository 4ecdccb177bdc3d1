package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Mapping says which examination a local name means, and takes what a person
// decides. Decide returns a RefusalError for fields it does not accept.
type Mapping interface {
	Mapping(ctx context.Context, language string) (MappingPage, error)
	Decide(ctx context.Context, who Person, d MappingDecision) error
	// Undo takes back the latest decision of who; NotFound if there is none.
	Undo(ctx context.Context, who Person) error
}

// A MappingPage lists local names, those without a meaning by volume.
type MappingPage struct {
	Started     bool // false until the first name has been seen
	Unmapped    []LocalName
	Mapped      []LocalName
	Exams       []face.Choice
	Indications []face.Choice
	Share       float64            // of examinations that are mapped
	KnownBy     map[string]float64 // share of examinations by how the indication is known
	Last        *LocalName         // what Undo would take back, nil if nothing
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
	Exam       string // exam code; "" says that it is no patient examination
	Indication string // code, "" if the name stands for no single one
	KnownBy    string // order, protocol, assumed; "" without indication
}

// notPatient is what the form calls a name that is no examination of a patient.
const notPatient = "not_patient"

// knownBy are the ways an indication can be known.
var knownBy = []string{"order", "protocol", "assumed"}

// mappingPage shows the names, one of them open to decide.
func (s *server) mappingPage(v *visit) error { return v.showMapping(nil, nil) }

// showMapping shows the page; asked and wrong are a form it has to give back.
func (v *visit) showMapping(asked *MappingDecision, wrong map[string]string) error {
	m, err := v.Mapping.Mapping(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	view := mappingView{MappingPage: m, wrong: wrong}
	name := v.r.URL.Query().Get("name")
	if asked != nil {
		name, view.asked = asked.ID, *asked
	}
	view.current = pickName(m, name)
	if view.current != nil && asked == nil {
		view.asked = MappingDecision{
			Exam: orElse(view.current.Exam.Code, view.current.Elsewhere), Indication: view.current.Indication.Code, KnownBy: view.current.KnownBy,
		}
	}
	pg := page{title: v.p.T("nav.mapping"), lead: v.p.T("mapping.lead")}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, mappingBody(v, view))
}

// A mappingView is what the template needs.
type mappingView struct {
	MappingPage
	current *LocalName
	asked   MappingDecision
	wrong   map[string]string
}

// pickName returns the name to decide: the one asked for, or the first unmapped.
func pickName(m MappingPage, id string) *LocalName {
	for _, list := range [][]LocalName{m.Unmapped, m.Mapped} {
		if i := slices.IndexFunc(list, func(n LocalName) bool { return n.ID == id }); i >= 0 {
			return &list[i]
		}
	}
	if len(m.Unmapped) > 0 {
		return &m.Unmapped[0]
	}
	return nil
}

// mappingDecide takes a decision and goes on to the next name.
func (s *server) mappingDecide(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	m, err := s.Mapping.Mapping(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	d, wrong := readDecision(v.r.PostForm.Get, m)
	if len(wrong) > 0 {
		err = Refuse(wrong)
	} else {
		err = s.Mapping.Decide(v.r.Context(), v.who, d)
	}
	if fields := v.refused(err); fields != nil {
		return v.showMapping(&d, fields)
	}
	if err != nil {
		return err
	}
	return v.back("/dose/mapping", "mapping")
}

// readDecision parses the form. Who types may give a code or a name.
func readDecision(get func(string) string, m MappingPage) (MappingDecision, map[string]string) {
	wrong := map[string]string{}
	d := MappingDecision{ID: get("id"), KnownBy: get("known_by")}
	exam, ok := resolve(get("exam"), m.Exams)
	switch {
	case get("exam") == notPatient:
		return MappingDecision{ID: d.ID}, wrong
	case !ok || exam == "":
		wrong["exam"] = "mapping.wrong_exam"
	}
	d.Exam = orElse(exam, get("exam"))
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

// mappingUndo takes back the latest decision.
func (s *server) mappingUndo(v *visit) error {
	if err := s.Mapping.Undo(v.r.Context(), v.who); err != nil {
		return err
	}
	return v.back("/dose/mapping", "undone")
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
