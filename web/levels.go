package web

import (
	"context"
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

// Levels knows the sets of reference levels, those that people of the site enter
// and check among them, and takes what people decide about them.
type Levels interface {
	Levels(ctx context.Context, language string) (LevelsPage, error)
	// LevelSet returns one set; with a day, what would change if it governed from then on.
	LevelSet(ctx context.Context, who Person, language, id string, q LevelQuestion) (LevelSetPage, error)
	// Enter begins a set, with the rows of a pasted table if there is one.
	Enter(ctx context.Context, who Person, head LevelHead, table string) (id string, refused []LevelRefused, err error)
	// Add adds rows of a table to a draft.
	Add(ctx context.Context, who Person, id, table string) (added int, refused []LevelRefused, err error)
	// Type adds a row to a draft, or types one anew that has an id.
	Type(ctx context.Context, who Person, id, row string, cells map[string]string) ([]LevelRefused, error)
	Remove(ctx context.Context, who Person, id, row string) error
	// Compare notes what somebody found who compared a row with its source.
	Compare(ctx context.Context, who Person, id, row, page string, same bool, remark string) error
	Release(ctx context.Context, who Person, id string) error
	// EndSet ends a set: history from a day on, or withdrawn without one.
	EndSet(ctx context.Context, who Person, id, day, reason string) error
	// Replace lets a set govern and ends what governed the same.
	Replace(ctx context.Context, who Person, id string, q LevelQuestion) error
	Proposal(ctx context.Context, language string) (LevelProposal, error)
	// Propose makes a draft of what is proposed of a kind.
	Propose(ctx context.Context, who Person, kind, name string) (id string, err error)
	// File returns a set as a file: tsv or fhir.
	File(ctx context.Context, id, as string) (name, mediaType string, data []byte, err error)
}

// A LevelQuestion asks what would be if a set governed.
type LevelQuestion struct {
	Exam string // "" for all of the set
	From string // day
}

// A LevelRefused is why a row was not taken.
type LevelRefused struct {
	Line   int
	Column string
	Code   string // of the rule
	Args   []string
}

// A LevelHead is what somebody types of a set as a whole.
type LevelHead struct {
	Name, Title, Authority, Country, Year, Edition, Source, Page, URL, Statistic string
	Adopted, Published, ValidFrom, ValidTo, ReviewDue, Note, Replaces            string
	Official                                                                     bool
}

// A LevelsPage lists the sets.
type LevelsPage struct {
	Sets    []LevelSetLine
	Started bool // somebody entered one
}

// A LevelSetLine is one set of the list.
type LevelSetLine struct {
	ID, Title, Edition string
	Kind               string // notice, local, typical; built_in for what the program brings
	State              string // draft, usable, superseded, withdrawn; built_in
	Rows, Checked      int
	Governs            bool
	ReviewDue          time.Time
	Overdue            bool
	Demonstration      bool
}

// A LevelSetPage is one set.
type LevelSetPage struct {
	LevelSetLine
	Head                        LevelHead
	TypedBy, CheckedBy, EndedBy string
	TypedAt, CheckedAt, EndedAt time.Time
	Reason, Digest              string
	Mine                        bool // whoever looks typed the heading
	Lines                       []LevelLine
	Decisions                   []Decision
	Exams                       []face.Choice // that it has levels for

	// What can be chosen for a row.
	AllExams, Indications, Quantities, Units, Phantoms []face.Choice

	If *LevelIf
}

// A LevelLine is a row of a set.
type LevelLine struct {
	ID                                           string
	Exam, Indication, Group, Quantity, Stated    string
	Phantom, Statistic, Page, MinN, Role         string
	TypedBy, CheckedBy, Verdict, Remark, Warning string
	CheckedAt                                    time.Time
	Mine                                         bool // whoever looks typed it
	Cells                                        map[string]string
}

// A LevelIf is what would change if the set governed.
type LevelIf struct {
	LevelQuestion
	Ends    []string // what would end, in words
	Changes []LevelIfRow
}

// A LevelIfRow is a row of the level table that would change.
type LevelIfRow struct {
	Room, Exam, Indication, Size, Quantity, Unit string
	N                                            int
	Median                                       float64
	OldState, NewState                           face.State
	OldLevel, NewLevel                           string
}

// A LevelProposal is what the site's own examinations would make levels of.
type LevelProposal struct {
	From, To time.Time
	Rooms    int     // that a local level needs
	Share    float64 // the quantile that it is
	Rows     []LevelProposed
}

// A LevelProposed is a row of it.
type LevelProposed struct {
	Exam, Indication, Size, Quantity, Unit string
	Kind                                   string // local, typical, "" with too few
	Value, Low, High                       float64
	Interval                               bool
	N, Rooms, Enough, Assumed              int
	Detail                                 string // the rooms, in words
}

const levelsAt = "/dose/levels"

func (s *server) levelRoutes(g registrar) {
	if s.Levels == nil {
		return
	}
	g.get(levelsAt, access.AggregateRead, s.levelsPage)
	g.post(levelsAt, access.LevelEnter, s.levelsEnter)
	g.get(levelsAt+"/set", access.AggregateRead, s.levelSetPage)
	g.get(levelsAt+"/file", access.AggregateRead, s.levelsFile)
	g.post(levelsAt+"/rows", access.LevelEnter, s.levelsRows)
	g.post(levelsAt+"/check", access.LevelCheck, s.levelsCheck)
	g.post(levelsAt+"/govern", access.LevelGovern, s.levelsGovern)
	g.get(levelsAt+"/proposal", access.AggregateRead, s.levelsProposal)
	g.post(levelsAt+"/proposal", access.LevelEnter, s.levelsPropose)
}

// levelSetAt returns the address of a set.
func levelSetAt(id string) string { return levelsAt + "/set?id=" + url.QueryEscape(id) }

// A levelForm is what somebody typed that was refused.
type levelForm struct {
	head    LevelHead
	table   string
	cells   map[string]string
	row     string
	refused []LevelRefused
	said    string // why, where it is about no row
}

// levelsPage lists the sets.
func (s *server) levelsPage(v *visit) error { return v.showLevels(levelForm{}) }

// showLevels shows the list with a form as it was filled in.
func (v *visit) showLevels(f levelForm) error {
	pg, err := v.Levels.Levels(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	p := page{title: v.p.T("nav.levels"), lead: v.p.T("levels.lead")}
	if f.said != "" || len(f.refused) > 0 {
		p.status = 400
	}
	return v.show(p, levelsBody(v, pg, f))
}

// levelSetPage shows one set.
func (s *server) levelSetPage(v *visit) error {
	if v.r.URL.Query().Get("id") == "" {
		return s.levelsPage(v)
	}
	return v.showLevelSet(v.r.URL.Query().Get("id"), levelForm{row: v.r.URL.Query().Get("row")})
}

// showLevelSet shows a set with a form as it was filled in.
func (v *visit) showLevelSet(id string, f levelForm) error {
	q := v.r.URL.Query()
	pg, err := v.Levels.LevelSet(v.r.Context(), v.who, v.p.Tag(), id, LevelQuestion{Exam: q.Get("exam"), From: q.Get("from")})
	if err != nil {
		return err
	}
	p := page{title: pg.Title, lead: v.p.T("levels.state_" + pg.State + "_text"), section: levelsAt, crumbs: []crumb{{v.p.T("nav.levels"), levelsAt}}}
	if f.said != "" || len(f.refused) > 0 {
		p.status = 400
	}
	if i := slices.IndexFunc(pg.Lines, func(l LevelLine) bool { return l.ID == f.row }); i >= 0 && f.cells == nil {
		f.cells = pg.Lines[i].Cells
	}
	return v.show(p, levelSetBody(v, pg, f))
}

// field reads a field of the form that was sent.
func (v *visit) field(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }

// said returns why a room refused, if whoever asks can mend it; "" for all else.
func said(err error) string {
	kind := fault.Of(err)
	if _, refused := access.Refusal(err); kind == fault.Forbidden && !refused || kind == fault.Invalid || kind == fault.Conflict || kind == fault.Exhausted {
		return err.Error()
	}
	return ""
}

// levelsEnter begins a set.
func (s *server) levelsEnter(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := levelForm{table: v.r.PostForm.Get("table"), head: LevelHead{
		Name: v.field("name"), Title: v.field("title"), Authority: v.field("authority"), Country: v.field("country"), Year: v.field("year"),
		Edition: v.field("edition"), Source: v.field("source"), Page: v.field("page"), URL: v.field("url"), Statistic: v.field("statistic"),
		Adopted: v.field("adopted"), Published: v.field("published"), ValidFrom: v.field("valid_from"), ValidTo: v.field("valid_to"),
		ReviewDue: v.field("review_due"), Note: v.field("note"), Replaces: v.field("replaces"), Official: v.field("official") == "yes",
	}}
	id, refused, err := s.Levels.Enter(v.r.Context(), v.who, f.head, f.table)
	if f.said = said(err); f.said != "" {
		return v.showLevels(f)
	}
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		return v.showLevelSet(id, levelForm{refused: refused, table: refusedLines(f.table, refused)})
	}
	return v.back(levelSetAt(id), "levels_entered")
}

// refusedLines leaves of a table its first line and those that were refused, to be
// put right.
func refusedLines(table string, refused []LevelRefused) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(table) {
		n++
		if n == 1 || slices.ContainsFunc(refused, func(r LevelRefused) bool { return r.Line == n }) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// levelCells are the fields of the form of a row.
var levelCells = []string{
	"exam_code", "indication_code", "quantity", "value", "unit", "size_kind", "size_min", "size_max", "patient_group",
	"phantom", "min_n", "page", "role", "note",
}

// levelsRows adds, changes and removes rows of a draft.
func (s *server) levelsRows(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	ctx, id, row := v.r.Context(), v.field("id"), v.field("row")
	var f levelForm
	var err error
	done := "levels_typed"
	switch v.field("do") {
	case "paste":
		f.table = v.r.PostForm.Get("table")
		_, f.refused, err = s.Levels.Add(ctx, v.who, id, f.table)
		f.table = refusedLines(f.table, f.refused)
	case "remove":
		done = "levels_removed"
		err = s.Levels.Remove(ctx, v.who, id, row)
	default:
		f.row, f.cells = row, map[string]string{}
		for _, c := range levelCells {
			f.cells[c] = v.field(c)
		}
		f.refused, err = s.Levels.Type(ctx, v.who, id, row, f.cells)
	}
	if f.said = said(err); f.said != "" || err == nil && len(f.refused) > 0 {
		return v.showLevelSet(id, f)
	}
	if err != nil {
		return err
	}
	return v.back(levelSetAt(id), done)
}

// levelsCheck takes what a second person found, and makes a set usable.
func (s *server) levelsCheck(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	ctx, id := v.r.Context(), v.field("id")
	done := "levels_compared"
	var err error
	if v.field("do") == "release" {
		done, err = "levels_released", s.Levels.Release(ctx, v.who, id)
	} else {
		err = s.Levels.Compare(ctx, v.who, id, v.field("row"), v.field("seen"), v.field("do") == "same", v.field("remark"))
	}
	if text := said(err); text != "" {
		return v.showLevelSet(id, levelForm{said: text})
	}
	if err != nil {
		return err
	}
	return v.back(levelSetAt(id), done)
}

// levelsGovern decides that a set governs, and ends sets.
func (s *server) levelsGovern(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	ctx, id := v.r.Context(), v.field("id")
	done := "governs"
	var err error
	switch v.field("do") {
	case "supersede":
		done, err = "levels_ended", s.Levels.EndSet(ctx, v.who, id, orElse(v.field("from"), v.now().Format(time.DateOnly)), v.field("reason"))
	case "withdraw":
		done, err = "levels_ended", s.Levels.EndSet(ctx, v.who, id, "", v.field("reason"))
	default:
		err = s.Levels.Replace(ctx, v.who, id, LevelQuestion{Exam: v.field("exam"), From: v.field("from")})
	}
	if text := said(err); text != "" {
		return v.showLevelSet(id, levelForm{said: text})
	}
	if err != nil {
		return err
	}
	return v.back(levelSetAt(id), done)
}

// levelsProposal shows typical values and local levels.
func (s *server) levelsProposal(v *visit) error { return v.showProposal("") }

// showProposal shows them, with why a set could not be made.
func (v *visit) showProposal(why string) error {
	pg, err := v.Levels.Proposal(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	p := page{title: v.p.T("levels.proposal"), lead: v.p.T("levels.proposal_lead"), section: levelsAt, crumbs: []crumb{{v.p.T("nav.levels"), levelsAt}}}
	if why != "" {
		p.status = 400
	}
	return v.show(p, proposalBody(v, pg, why))
}

// levelsPropose makes a draft of them.
func (s *server) levelsPropose(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id, err := s.Levels.Propose(v.r.Context(), v.who, v.field("kind"), v.field("name"))
	if text := said(err); text != "" {
		return v.showProposal(text)
	}
	if err != nil {
		return err
	}
	return v.back(levelSetAt(id), "levels_entered")
}

// levelsFile sends a set as a file.
func (s *server) levelsFile(v *visit) error {
	q := v.r.URL.Query()
	name, mediaType, data, err := s.Levels.File(v.r.Context(), q.Get("id"), q.Get("as"))
	if err != nil {
		return err
	}
	v.attach(name, mediaType)
	_, _ = v.w.Write(data) // a reader that went away is no error of ours
	return nil
}

// refusedWords says why a row was not taken, and what to do.
func (v *visit) refusedWords(r LevelRefused) string {
	arg := func(i int) string {
		if i < len(r.Args) {
			return r.Args[i]
		}
		return ""
	}
	key := "levels.rule_" + r.Code
	if !slices.Contains(levelRules, r.Code) {
		key = "levels.rule_other"
	}
	text := v.p.T(key, lang.Args{"a": arg(0), "b": arg(1), "c": arg(2)})
	if r.Column != "" {
		text = r.Column + ": " + text
	}
	if r.Line > 0 {
		text = v.p.T("levels.line", lang.Args{"n": r.Line}) + " " + text
	}
	return text
}

// levelRules are the rules that have words of their own.
var levelRules = []string{
	"empty", "unknown_reference", "not_number", "not_positive", "not_date", "not_integer", "not_allowed", "unit_mismatch",
	"both_valid", "backwards", "field_count", "other_set", "not_identifier",
}

// levelsTable lists the sets.
func (v *visit) levelsTable(pg LevelsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "levels", Caption: p.T("nav.levels"), Empty: face.Nothing(p.T("levels.empty"), p.T("levels.empty_text")),
		Columns: []face.Column{
			{Label: p.T("content.set"), Phone: face.Name},
			{Label: p.T("content.edition")},
			{Label: p.T("content.status"), Phone: face.Drawn},
			{Label: p.T("content.rows"), Numeric: true, Phone: face.Beside},
			{Label: p.T("levels.review")},
		},
	}
	for _, s := range pg.Sets {
		checked := ""
		if s.State == "draft" {
			checked = p.T("levels.checked_of", lang.Args{"n": s.Checked, "all": s.Rows})
		}
		t.Rows = append(t.Rows, face.Row{ID: "set-" + s.ID, Href: levelSetAt(s.ID), Cells: []templ.Component{
			face.Words(s.Title, s.ID), face.Words(orElse(s.Edition, "–"), v.p.T("levels.kind_"+s.Kind)), levelTags(v, s),
			face.Words(p.Count(int64(s.Rows)), checked), face.Words(orElse(p.Date(s.ReviewDue), "–"), ""),
		}})
	}
	return t
}

// setOrigin says where a set comes from, who typed it and who checked it.
func (v *visit) setOrigin(s LevelSetPage) []face.Fact {
	p, h := v.p, s.Head
	official := p.T("levels.orientation")
	if h.Official {
		official = p.T("levels.official")
	}
	facts := []face.Fact{
		{Label: p.T("levels.authority"), Value: h.Authority, Origin: h.Country},
		{Label: p.T("content.edition"), Value: s.Edition, Origin: official},
		{Label: p.T("levels.source"), Value: h.Source, Origin: h.URL},
		{Label: p.T("levels.page"), Value: orElse(h.Page, "–")},
		{Label: p.T("levels.statistic"), Value: orElse(h.Statistic, "–")},
		{Label: p.T("levels.typed"), Value: orElse(s.TypedBy, "–"), Origin: v.since(s.TypedAt)},
		{Label: p.T("content.checked"), Value: orElse(s.CheckedBy, p.T("content.unchecked")), Origin: v.since(s.CheckedAt)},
		{Label: p.T("levels.adopted"), Value: orElse(h.Adopted, "–")},
		{Label: p.T("levels.published"), Value: orElse(h.Published, "–")},
		{Label: p.T("levels.valid_from"), Value: orElse(h.ValidFrom, "–")},
		{Label: p.T("levels.valid_to"), Value: orElse(h.ValidTo, "–")},
		{Label: p.T("content.review_due"), Value: orElse(h.ReviewDue, "–")},
	}
	if s.Overdue {
		facts[len(facts)-1].Origin = p.T("dose.review_overdue")
	}
	if s.EndedBy != "" {
		facts = append(facts, face.Fact{Label: p.T("levels.state_" + s.State), Value: s.EndedBy, Origin: v.since(s.EndedAt) + " " + s.Reason})
	}
	if s.Digest != "" {
		facts = append(facts, face.Fact{Label: p.T("levels.digest"), Value: s.Digest, Code: true})
	}
	return facts
}

// changeTable of a decision: what would become another state or level.
func (v *visit) levelIfTable(f *LevelIf) face.Table {
	p := v.p
	t := face.Table{
		ID: "if", Caption: p.T("levels.if_title"), Empty: face.Nothing(p.T("levels.if_none"), p.T("levels.if_none_text")),
		Columns: []face.Column{
			{Label: p.T("dose.col_room"), Phone: face.Name},
			{Label: p.T("dose.col_exam"), Phone: face.Beside},
			{Label: p.T("levels.median"), Numeric: true},
			{Label: p.T("levels.now"), Phone: face.Drawn},
			{Label: p.T("levels.then"), Phone: face.Drawn},
		},
	}
	for i, r := range f.Changes {
		t.Rows = append(t.Rows, face.Row{ID: "if-" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(r.Room, r.Size), face.Words(r.Exam, r.Indication), face.Words(p.Sig(r.Median)+" "+r.Unit, r.Quantity+", n = "+p.Count(int64(r.N))),
			face.Words(r.OldState.Word, r.OldLevel), face.Words(r.NewState.Word, r.NewLevel),
		}})
	}
	return t
}

// proposalTable lists what is proposed.
func (v *visit) proposalTable(pg LevelProposal) face.Table {
	p := v.p
	t := face.Table{
		ID: "proposal", Caption: p.T("levels.proposal"), Empty: face.Nothing(p.T("levels.proposal_empty"), p.T("levels.proposal_empty_text")),
		Columns: []face.Column{
			{Label: p.T("dose.col_exam"), Phone: face.Name},
			{Label: p.T("levels.size_kind")},
			{Label: p.T("levels.value"), Numeric: true, Phone: face.Beside},
			{Label: p.T("levels.interval"), Numeric: true},
			{Label: p.T("levels.what"), Phone: face.Drawn},
			{Label: p.T("levels.rooms"), Phone: face.Wide},
		},
	}
	for i, r := range pg.Rows {
		value, interval := "–", p.T("levels.no_interval")
		if r.Kind != "" {
			value = p.Sig(r.Value) + " " + r.Unit
		}
		if r.Interval {
			interval = v.span(r.Low, r.High)
		}
		t.Rows = append(t.Rows, face.Row{ID: "p-" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(r.Exam, r.Indication), face.Words(r.Size, r.Quantity), face.Words(value, "n = "+p.Count(int64(r.N))),
			face.Words(interval, ""), face.Words(p.T("levels.what_"+orElse(r.Kind, "none"), lang.Args{"n": r.Enough}), ""), face.Words(r.Detail, ""),
		}})
	}
	return t
}
