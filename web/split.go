package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Splitting says which events of a study are one examination, where nothing else does.
type Splitting interface {
	// Splitting returns the studies that wait, and one of them: that of the UID, or else
	// the first. NotFound: there is no such study.
	Splitting(ctx context.Context, study, language string) (SplitPage, error)
	// Split decides. Invalid, NotFound: said to whoever decided.
	Split(ctx context.Context, who Person, f SplitForm) error
	// UndoSplit takes a decision back, or with "" the last one of who, and returns its study.
	UndoSplit(ctx context.Context, who Person, id string) (string, error)
}

// A SplitPage is what waits to be divided.
type SplitPage struct {
	Waiting int
	Studies []SplitStudy  // the latest of them
	Current *SplitCurrent // nil: nothing waits
	Exams   []face.Choice
	Undo    bool // who asks decided something that can be taken back
}

// A SplitStudy is a study that waits.
type SplitStudy struct {
	Study, Modality, Description string
	At                           time.Time
	Room                         RoomRef
	Events, Unassigned           int
}

// A SplitCurrent is the study that is being divided.
type SplitCurrent struct {
	SplitStudy
	Lines    []SplitEvent
	Into     []SplitChoice // examinations that are there
	Proposed []face.Choice // codes that its names and orders lead to
	Steps    []SplitStep
}

// A SplitChoice is an examination that is there.
type SplitChoice struct{ Key, Label string }

// A SplitEvent is an irradiation event.
type SplitEvent struct {
	Key, Clock, Type, Protocol, Region, Dose string
	Examination, AssignedBy                  string // "" if unassigned
	Next                                     bool   // it is what is decided next
}

// A SplitStep is a decision.
type SplitStep struct {
	ID, By, Exam string
	Events       int
	Multi, Made  bool
	At           time.Time
	Undone       bool
}

// A SplitForm is what somebody decided.
type SplitForm struct {
	Study, Into, Exam string
	Events            []string
	Multi             bool
}

const splitAt = "/dose/splitting"

// splitRoutes are the addresses of the page.
func (s *server) splitRoutes(g registrar) {
	if s.Splitting == nil {
		return
	}
	g.get(splitAt, access.ExaminationRead, s.splitPage)
	g.post(splitAt, access.MappingPropose, s.splitDo)
	g.post(splitAt+"/undo", access.MappingPropose, s.splitUndo)
}

// splitOf is the address of a study that waits.
func splitOf(study string) string {
	if study == "" {
		return splitAt
	}
	return splitAt + "?study=" + url.QueryEscape(study)
}

// splitPage shows what waits, and the study that is divided.
func (s *server) splitPage(v *visit) error { return v.showSplit(v.r.URL.Query().Get("study"), "") }

// showSplit shows the page with what was refused.
func (v *visit) showSplit(study, said string) error {
	pg, err := v.Splitting.Splitting(v.r.Context(), study, v.p.Tag())
	if err != nil {
		return err
	}
	head := page{title: v.p.T("nav.splitting"), lead: v.p.T("split.lead", lang.Args{"n": pg.Waiting}), section: splitAt}
	if said != "" {
		head.status = 400
	}
	return v.show(head, splitBody(v, pg, said))
}

// splitDo takes a decision.
func (s *server) splitDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := SplitForm{Study: v.r.PostForm.Get("study"), Events: v.r.PostForm["event"]}
	code := strings.TrimSpace(v.r.PostForm.Get("exam"))
	switch do, which, _ := strings.Cut(v.r.PostForm.Get("do"), ":"); do {
	case "into":
		f.Into = which
	case "exam":
		f.Exam = which
	case "multi":
		f.Exam, f.Multi = code, true
	default:
		f.Exam = code
	}
	err := s.Splitting.Split(v.r.Context(), v.who, f)
	switch kind := fault.Of(err); {
	case err == nil:
		return v.back(splitOf(f.Study), "split")
	case kind == fault.Invalid && len(f.Events) == 0:
		return v.showSplit(f.Study, v.p.T("split.choose_events"))
	case kind == fault.Invalid && f.Into == "":
		return v.showSplit(f.Study, v.p.T("split.choose_exam"))
	case kind == fault.Invalid:
		return v.showSplit(f.Study, v.p.T("split.other_kind"))
	}
	return err
}

// splitUndo takes a decision back.
func (s *server) splitUndo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	study, err := s.Splitting.UndoSplit(v.r.Context(), v.who, v.r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	return v.back(splitOf(study), "split_undone")
}

// splitTable lists what waits.
func (v *visit) splitTable(pg SplitPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "splitting", Caption: p.T("split.waiting"), Empty: face.Nothing(p.T("split.nothing"), p.T("split.nothing_text")),
		Columns: []face.Column{
			{Label: p.T("dose.when"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("dose.study")},
			{Label: p.T("dose.events"), Numeric: true, Phone: face.Beside},
			{Label: p.T("split.loose"), Numeric: true, Phone: face.Drawn},
		},
	}
	for _, x := range pg.Studies {
		loose := p.Count(int64(x.Unassigned))
		if x.Unassigned == 0 {
			loose = p.T("dosequality.multi_region")
		}
		t.Rows = append(t.Rows, face.Row{ID: "split-" + x.Study, Href: splitOf(x.Study), Cells: []templ.Component{
			apartCell(v, v.local(x.At), x.Room), face.Words(x.Room.Name, ""), face.Words(orElse(x.Description, "–"), x.Modality),
			face.Words(p.Count(int64(x.Events)), ""), face.Words(loose, ""),
		}})
	}
	return t
}

// splitStepWords says what was decided.
func (v *visit) splitStepWords(s SplitStep) string {
	key := "split.step_into"
	switch {
	case s.Multi:
		key = "split.step_multi"
	case s.Made:
		key = "split.step_made"
	}
	words := v.p.T(key, lang.Args{"n": s.Events, "exam": orElse(s.Exam, "–"), "who": s.By, "when": v.p.Date(v.local(s.At))})
	if s.Undone {
		words += " " + v.p.T("split.step_undone")
	}
	return words
}

// splitKey is the key that chooses the nth examination, "" beyond the ninth.
func splitKey(n int) string {
	if n > 9 {
		return ""
	}
	return strconv.Itoa(n)
}
