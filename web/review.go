package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Review keeps the cases that alert rules open, and watches for drift.
type Review interface {
	Cases(ctx context.Context, language string, q CaseQuery) (CasesPage, error)
	Case(ctx context.Context, language string, number int64) (CasePage, error)
	Decide(ctx context.Context, c CaseDecision) error
	Check(ctx context.Context, number int64, c CaseCheck) error
	// Done notes that an action was carried out on a day, and what came of it.
	Done(ctx context.Context, number int64, action, day, result string) error
	// Report writes how the cases of the last year went, by rule, as CSV.
	Report(ctx context.Context, w io.Writer) error
	Snooze(ctx context.Context, number int64, day, why string) error
	// Justify closes several cases, and returns the batch by which Undo opens them again.
	Justify(ctx context.Context, numbers []int64, words string) (batch string, err error)
	Undo(ctx context.Context, batch string) error
	Rules(ctx context.Context) ([]CaseRule, []CumulativeCount, error)
	Drift(ctx context.Context, language, machine, exam, quantity string) (DriftPage, error)
}

// A CaseQuery chooses cases: live, closed or all of them.
type CaseQuery struct {
	Show string
	Mine string // account, "" for everybody's
}

// A CasesPage is the worklist of cases.
type CasesPage struct {
	Cases   []CaseLine
	Later   int // of them, beyond those of a day, not shown one by one
	Bulk    []CaseGroup
	Lines   []EarlyLine
	Reports []CaseReport
}

// A CaseLine is a case in a list.
type CaseLine struct {
	Number    int64
	Room      RoomRef
	Exam      string
	Rule      string
	Quantity  string
	Ratio     float64
	State     string
	Reason    string
	Owner     string // name
	Opened    time.Time
	Day       time.Time
	First     bool // of law, or of a substantial dose
	Withdrawn bool
}

// A CaseGroup are live cases of one rule in one room, which may be justified together.
type CaseGroup struct {
	Rule  string
	Room  RoomRef
	Usual []string
	Cases []CaseLine
}

// An EarlyLine is a number above a value that opens no case.
type EarlyLine struct {
	Examination string // id
	Room        RoomRef
	Day         time.Time
	Result      CaseNumber
}

// A CaseReport is how the cases of a rule went.
type CaseReport struct {
	Rule                                string
	Cases, Open, Justified, With, Prove int
	Wait                                time.Duration
	TooOften                            bool
	Proposed                            float64
}

// A CaseNumber is how an examination stands beside one rule.
type CaseNumber struct {
	Rule, Quantity, Aggregation, Part string
	Value, Trigger, Ratio             float64
	Unit, Status                      string
	Over, Opens                       bool
	Marks                             []string
}

// A CasePage is one case.
type CasePage struct {
	CaseLine
	Version      int64
	Examination  string // id, "" of a group
	Weight       *float64
	Region       string
	Intervention string
	Numbers      []CaseNumber
	Set, Source  string
	Incomplete   bool
	Substantial  bool
	Legal        bool
	Form         CaseForm
	OwnerID, Due string
	People       []face.Choice
	Usual        []string
	SnoozedTo    string
	SnoozedWhy   string
	History      []CaseStep
	Actions      []CaseAction
	Same         []CaseLine
	Earlier      []CaseLine    // of the same person
	Totals       []DoseTotal   // of the examination
	Corrected    []CaseAmount  // those of them that a calibration corrects
	Images       []StudySeries // a few of its series, as far as they can be drawn
	Versions     []CaseVersion // of the scanner protocols it was made with
	Check        CaseCheck
	CheckFrom    string
	CheckTo      string
	Effect       *CaseEffect
}

// A CaseForm is what a review answers.
type CaseForm struct {
	Size, Indication                      bool
	Cause, Justified, Informed            string
	Reportable, Authority, Deadline, Is   string // Is: whether it is an intervention
	ActionKind, ActionText, ActionDue     string
	Owner, Due, State, Reason, Words, Tap string
}

// A CaseDecision is a case as a person wants it to be.
type CaseDecision struct {
	Number, Version int64
	CaseForm
}

// A CaseStep is one step of the history of a case.
type CaseStep struct {
	At         time.Time
	Who        string
	Step, Text string
}

// A CaseAction is what somebody does about a case.
type CaseAction struct{ ID, Kind, Text, Owner, Due, Done, Result string }

// A CaseAmount is a total as it was reported and as a calibration corrects it.
type CaseAmount struct {
	Quantity, Unit, Factor string
	Reported, Corrected    float64
}

// A CaseVersion is the version of a scanner protocol that held on the day.
type CaseVersion struct {
	ID, Protocol string
	Number       int
	Since        time.Time
}

// A CaseCheck is what becomes of the skin after a substantial dose.
type CaseCheck struct {
	Day, Person, Place, LetterOn, Result, SeenOn, Finding, Grade, FollowUp string
	Attempts                                                               int
	Version                                                                int64
}

// A CaseEffect is what measuring again found.
type CaseEffect struct {
	Quantity         string
	Ratio, Low, High float64
	Interval         bool
	Before, After    int
}

// A CaseRule is an alert rule.
type CaseRule struct {
	ID, Set, Quantity, Aggregation, Meaning, Status, Source, Unit string
	Value                                                         float64
	Legal                                                         bool
}

// A CumulativeCount is how many persons reach the value of a cumulative rule within so
// many years up to a day.
type CumulativeCount struct {
	Rule                                           string
	Years, Persons, Above, Examinations, Estimated int
	Day                                            time.Time
}

// A DriftPage lists what is watched, and shows one chart.
type DriftPage struct {
	Watched []DriftLine
	Open    *DriftLine
	Trend   face.Trend
	Enough  bool
	Since   time.Time // since when the average is beyond a limit, zero if it is not
}

// A DriftLine is an examination on a machine.
type DriftLine struct {
	Machine, Exam, Quantity, Label string
	Room                           RoomRef
	N                              int
}

// reviewRoutes are the pages of cases.
func (s *server) reviewRoutes(g registrar) {
	if s.Review == nil {
		return
	}
	g.get("/dose/cases", access.FindingRead, s.casesPage)
	g.post("/dose/cases/justify", access.FindingDecide, s.casesJustify)
	g.post("/dose/cases/undo", access.FindingDecide, s.casesUndo)
	g.get("/dose/cases/{number}", access.ExaminationRead, s.alertPage)
	g.post("/dose/cases/{number}", access.FindingDecide, s.caseDecide)
	g.post("/dose/cases/{number}/check", access.FindingDecide, s.caseCheck)
	g.post("/dose/cases/{number}/done", access.FindingDecide, s.caseDone)
	g.get("/dose/cases/report", access.TableExport, s.caseReport)
	g.post("/dose/cases/{number}/snooze", access.FindingDecide, s.caseSnooze)
	g.get("/dose/cases/{number}/letter", access.ExaminationRead, s.caseLetter)
	g.get("/dose/rules", access.FindingRead, s.rulesPage)
	g.get("/dose/drift", access.AggregateRead, s.driftPage)
}

// casesPage shows the worklist.
func (s *server) casesPage(v *visit) error {
	q := CaseQuery{Show: v.r.URL.Query().Get("show")}
	if v.r.URL.Query().Get("mine") != "" {
		q.Mine = v.who.ID
	}
	pg, err := s.Review.Cases(v.r.Context(), v.p.Tag(), q)
	if err != nil {
		return err
	}
	kept, err := v.shelf(v.here().without("mine", "batch"), "cases")
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.cases"), lead: v.p.T("review.lead"), section: "/dose/cases"}, templ.Join(casesBody(v, pg, q), savedViews(v, kept)))
}

// caseNumber returns the number in the address.
func (v *visit) caseNumber() (int64, error) {
	n, err := strconv.ParseInt(v.r.PathValue("number"), 10, 64)
	if err != nil {
		return 0, fault.Errorf(fault.NotFound, "no such case")
	}
	return n, nil
}

// alertPage shows a case.
func (s *server) alertPage(v *visit) error {
	n, err := v.caseNumber()
	if err != nil {
		return err
	}
	return v.showAlert(n, nil)
}

// showAlert shows a case, with what was not accepted.
func (v *visit) showAlert(number int64, refused error) error {
	c, err := v.Review.Case(v.r.Context(), v.p.Tag(), number)
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("review.case", lang.Args{"number": strconv.FormatInt(number, 10)}), section: "/dose/cases",
		crumbs: []crumb{{v.p.T("nav.cases"), "/dose/cases"}},
	}
	if refused != nil {
		pg.status = http.StatusBadRequest
		key := "review.wrong"
		if c.Substantial {
			key = "review.wrong_substantial"
		}
		pg.notices = append(pg.notices, face.Notice{Tone: face.Trouble, Title: v.p.T("review.not_taken"), Text: v.p.T(key)})
	}
	return v.show(pg, alertBody(v, c))
}

// took sends a person back to a case after a change, or shows what was wrong with it.
func (v *visit) took(number int64, err error) error {
	if fault.Of(err) == fault.Invalid && err != nil {
		return v.showAlert(number, err)
	}
	if err != nil {
		return err
	}
	return v.back("/dose/cases/"+strconv.FormatInt(number, 10), "case")
}

// caseDecide takes the form of a case. A button with a reason closes it in one tap.
func (s *server) caseDecide(v *visit) error {
	number, err := v.caseNumber()
	if err != nil {
		return err
	}
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	get := v.r.PostForm.Get
	version, err := strconv.ParseInt(get("version"), 10, 64)
	if err != nil {
		return fault.Errorf(fault.Invalid, "the version of the case is missing")
	}
	c := CaseDecision{Number: number, Version: version, CaseForm: CaseForm{
		Size: get("size") != "", Indication: get("indication") != "", Cause: get("cause"), Justified: get("justified"), Informed: get("informed"),
		Reportable: get("reportable"), Authority: get("authority"), Deadline: get("deadline"), Is: get("is"),
		ActionKind: get("action_kind"), ActionText: get("action_text"), ActionDue: get("action_due"),
		Owner: get("owner"), Due: get("due"), State: get("state"), Reason: get("reason"), Words: strings.TrimSpace(get("words")), Tap: get("tap"),
	}}
	if c.Tap != "" {
		c.State, c.Reason, c.Words = "closed", "justified", c.Tap
	}
	return v.took(number, s.Review.Decide(v.r.Context(), c))
}

// caseCheck takes the skin check.
func (s *server) caseCheck(v *visit) error {
	number, err := v.caseNumber()
	if err != nil {
		return err
	}
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	get := v.r.PostForm.Get
	c := CaseCheck{
		Day: get("day"), Person: get("person"), Place: get("place"), LetterOn: get("letter_on"), Result: get("result"), SeenOn: get("seen_on"),
		Finding: get("finding"), Grade: get("grade"), FollowUp: get("follow_up"),
	}
	if c.Attempts, err = strconv.Atoi("0" + get("attempts")); err != nil {
		return fault.Errorf(fault.Invalid, "attempts: a number")
	}
	if c.Version, err = strconv.ParseInt("0"+get("version"), 10, 64); err != nil {
		return fault.Errorf(fault.Invalid, "the version of the check is missing")
	}
	return v.took(number, s.Review.Check(v.r.Context(), number, c))
}

// caseSnooze puts a case off.
func (s *server) caseSnooze(v *visit) error {
	number, err := v.caseNumber()
	if err != nil {
		return err
	}
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	return v.took(number, s.Review.Snooze(v.r.Context(), number, v.r.PostForm.Get("day"), v.r.PostForm.Get("why")))
}

// caseDone takes that an action was carried out.
func (s *server) caseDone(v *visit) error {
	number, err := v.caseNumber()
	if err != nil {
		return err
	}
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	get := v.r.PostForm.Get
	err = s.Review.Done(v.r.Context(), number, get("action"), get("day"), get("result"))
	if err != nil {
		return v.took(number, err)
	}
	return v.back("/dose/cases/"+strconv.FormatInt(number, 10), "case_action")
}

// caseReport sends how the cases of each rule went, as a table.
func (s *server) caseReport(v *visit) error {
	var b bytes.Buffer
	if err := s.Review.Report(v.r.Context(), &b); err != nil {
		return err
	}
	v.attach("dose-cases-"+v.now().Format("2006-01-02")+".csv", mediaTypes[CSV])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// correctedWords says what a calibration makes of a total.
func (v *visit) correctedWords(a CaseAmount) string {
	return v.p.T("review.corrected", lang.Args{
		"quantity": v.quantityWord(a.Quantity), "value": v.p.Quantity(a.Reported, a.Unit), "corrected": v.p.Quantity(a.Corrected, a.Unit), "factor": a.Factor,
	})
}

// caseLetter shows the letter to the patient, to be printed.
func (s *server) caseLetter(v *visit) error {
	number, err := v.caseNumber()
	if err != nil {
		return err
	}
	c, err := s.Review.Case(v.r.Context(), v.p.Tag(), number)
	if err != nil {
		return err
	}
	if !c.Substantial {
		return fault.Errorf(fault.NotFound, "no letter belongs to this case")
	}
	return v.show(page{
		title: v.p.T("letter.title"), section: "/dose/cases",
		crumbs: []crumb{{v.p.T("nav.cases"), "/dose/cases"}, {v.p.T("review.case", lang.Args{"number": strconv.FormatInt(number, 10)}), "/dose/cases/" + strconv.FormatInt(number, 10)}},
	}, letterBody(v, c))
}

// casesJustify closes several cases.
func (s *server) casesJustify(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	var numbers []int64
	for _, text := range v.r.PostForm["n"] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fault.Errorf(fault.Invalid, "no such case")
		}
		numbers = append(numbers, n)
	}
	words := orElse(v.r.PostForm.Get("tap"), v.r.PostForm.Get("words"))
	batch, err := s.Review.Justify(v.r.Context(), numbers, words)
	if err != nil {
		return err
	}
	return v.back(parseAddress("/dose/cases").with("batch", batch).String(), "cases")
}

// casesUndo opens the cases of a batch again.
func (s *server) casesUndo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Review.Undo(v.r.Context(), v.r.PostForm.Get("batch")); err != nil {
		return err
	}
	return v.back("/dose/cases", "cases_undone")
}

// rulesPage shows the rules, and which parts of them are missing.
func (s *server) rulesPage(v *visit) error {
	rules, counts, err := s.Review.Rules(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("review.rules"), lead: v.p.T("review.rules_lead"), section: "/dose/rules"}, rulesBody(v, rules, counts))
}

// driftPage shows control charts.
func (s *server) driftPage(v *visit) error {
	q := v.r.URL.Query()
	pg, err := s.Review.Drift(v.r.Context(), v.p.Tag(), q.Get("machine"), q.Get("exam"), q.Get("quantity"))
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.drift"), lead: v.p.T("drift.lead"), section: "/dose/drift"}, driftBody(v, pg))
}

// driftTable lists what is watched; a row opens its chart.
func (v *visit) driftTable(pg DriftPage) face.Table {
	t := face.Table{ID: "watched", Caption: v.p.T("drift.watched"), Columns: []face.Column{
		{Label: v.p.T("review.room"), Phone: face.Name},
		{Label: v.p.T("review.exam"), Phone: face.Drawn},
		{Label: v.p.T("review.quantity")},
		{Label: v.p.T("quality.examinations"), Numeric: true, Phone: face.Beside},
	}}
	for _, w := range pg.Watched {
		here := parseAddress("/dose/drift").with("machine", w.Machine).with("exam", w.Exam).with("quantity", w.Quantity)
		t.Rows = append(t.Rows, face.Row{
			ID: "watched-" + w.Machine + "-" + w.Exam + "-" + w.Quantity, Href: here.String() + "#open",
			Cells: []templ.Component{face.Words(w.Room.Name, ""), face.Words(w.Label, ""), face.Words(v.quantityWord(w.Quantity), ""), face.Figures(v.p.Count(int64(w.N)), "")},
		})
	}
	return t
}

// codes makes choices of codes with words.
func (v *visit) codes(prefix string, all ...string) []face.Choice {
	out := make([]face.Choice, len(all))
	for i, code := range all {
		out[i] = face.Choice{Code: code, Label: v.p.T(prefix + code)}
	}
	return out
}

// ratio prints how many times a trigger a number is.
func (v *visit) times(ratio float64) string {
	return v.p.T("review.times", lang.Args{"ratio": v.p.Number(ratio, 2)})
}

// alertTable lists cases.
func (v *visit) alertTable(id, caption string, all []CaseLine) face.Table {
	t := face.Table{
		ID: id, Caption: caption, Empty: face.Nothing(v.p.T("review.empty"), v.p.T("review.empty_text")),
		Columns: []face.Column{
			{Label: v.p.T("review.number"), Phone: face.Name},
			{Label: v.p.T("review.rule")},
			{Label: v.p.T("review.room")},
			{Label: v.p.T("review.exam")},
			{Label: v.p.T("review.ratio"), Numeric: true, Phone: face.Beside},
			{Label: v.p.T("review.state")},
			{Label: v.p.T("review.owner")},
		},
	}
	for _, c := range all {
		t.Rows = append(t.Rows, face.Row{
			ID: strconv.FormatInt(c.Number, 10), Href: "/dose/cases/" + strconv.FormatInt(c.Number, 10),
			Cells: []templ.Component{
				face.Words(v.p.T("review.case", lang.Args{"number": strconv.FormatInt(c.Number, 10)}), v.p.Date(c.Opened)),
				face.Words(v.ruleWord(c.Rule), v.quantityWord(c.Quantity)), face.Words(c.Room.Name, ""), face.Words(orElse(c.Exam, "–"), v.dayWord(c.Day)),
				face.Figures(v.times(c.Ratio), ""), face.Words(v.caseState(c), v.firstWord(c)), face.Words(orElse(c.Owner, "–"), ""),
			},
		})
	}
	return t
}

// dayWord prints a day, "" for none.
func (v *visit) dayWord(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return v.p.Date(t)
}

// firstWord says that a case goes before others.
func (v *visit) firstWord(c CaseLine) string {
	if c.First {
		return v.p.T("review.first")
	}
	return ""
}

// caseState says how far a case is.
func (v *visit) caseState(c CaseLine) string {
	switch {
	case c.Withdrawn:
		return v.p.T("review.withdrawn")
	case c.State == "closed" && c.Reason != "":
		return v.p.T("review.reason_" + c.Reason)
	}
	return v.p.T("review.state_" + c.State)
}

// ruleWord names an alert rule: in words where the program has some, else as its
// content calls it.
func (v *visit) ruleWord(id string) string {
	if key := "alert.rule_" + strings.ToLower(id); v.p.Has(key) {
		return v.p.T(key)
	}
	return id
}

// quantityWord names a quantity.
func (v *visit) quantityWord(code string) string { return v.word("quantity.", code) }

// marksOf says what is to be known about a number.
func (v *visit) marksOf(n CaseNumber) string {
	var all []string
	if n.Part != "" {
		all = append(all, v.p.T("review.part_"+n.Part))
	}
	for _, m := range n.Marks {
		all = append(all, v.p.T("review.mark_"+m))
	}
	switch {
	case n.Opens:
		all = append(all, v.p.T("review.triggered"))
	case n.Over:
		all = append(all, v.p.T("review.line_only"))
	}
	return strings.Join(all, "; ")
}

// numberTable lists the numbers of a case.
func (v *visit) numberTable(all []CaseNumber) face.Table {
	t := face.Table{ID: "numbers", Caption: v.p.T("review.numbers"), Columns: []face.Column{
		{Label: v.p.T("review.quantity"), Phone: face.Name},
		{Label: v.p.T("review.value"), Numeric: true, Phone: face.Beside},
		{Label: v.p.T("review.remark"), Phone: face.Drawn},
	}}
	for _, n := range all {
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
			face.Words(v.quantityWord(n.Quantity), v.p.T("review.agg_"+n.Aggregation)),
			face.Figures(v.p.Quantity(n.Value, n.Unit), v.p.T("review.against", lang.Args{"trigger": v.p.Quantity(n.Trigger, n.Unit), "times": v.times(n.Ratio)})),
			face.Words(v.marksOf(n), v.ruleWord(n.Rule)),
		}})
	}
	return t
}

// caseFacts are what is known of the examination of a case.
func (v *visit) caseFacts(c CasePage) []face.Fact {
	weight, region := "–", "–"
	if c.Weight != nil {
		weight = v.p.Quantity(*c.Weight, "kg")
	}
	if c.Region != "" {
		region = v.p.T("review.region_" + c.Region)
	}
	facts := []face.Fact{
		{Label: v.p.T("review.room"), Value: orElse(c.Room.Name, "–")},
		{Label: v.p.T("review.exam"), Value: orElse(c.Exam, "–"), Origin: v.dayWord(c.Day)},
	}
	if c.Examination == "" {
		return append(facts, face.Fact{Label: v.p.T("review.rule"), Value: v.ruleWord(c.Rule), Origin: c.Source})
	}
	facts[1].Href = "/dose/examinations/" + c.Examination
	is := c.Intervention
	if is != "" {
		is = v.p.T("review.answer_" + is)
	}
	return append(facts,
		face.Fact{Label: v.p.T("review.weight"), Value: weight},
		face.Fact{Label: v.p.T("review.region"), Value: region},
		face.Fact{Label: v.p.T("review.is_intervention"), Value: orElse(is, v.p.T("review.unknown"))},
		face.Fact{Label: v.p.T("review.rule"), Value: v.ruleWord(c.Rule), Origin: c.Source},
	)
}

// effectWords says what measuring again found.
func (v *visit) effectWords(e *CaseEffect) string {
	a := lang.Args{
		"quantity": v.quantityWord(e.Quantity), "ratio": v.p.Number(e.Ratio, 2), "low": v.p.Number(e.Low, 2), "high": v.p.Number(e.High, 2),
		"before": e.Before, "after": e.After,
	}
	if !e.Interval {
		return v.p.T("review.effect_bare", a)
	}
	return v.p.T("review.effect", a)
}

// reportTable tells how the cases of each rule went.
func (v *visit) reportTable(all []CaseReport) face.Table {
	t := face.Table{ID: "report", Caption: v.p.T("review.report"), Columns: []face.Column{
		{Label: v.p.T("review.rule"), Phone: face.Name},
		{Label: v.p.T("review.cases"), Numeric: true, Phone: face.Beside},
		{Label: v.p.T("review.first_review"), Numeric: true},
		{Label: v.p.T("review.justified_n"), Numeric: true},
		{Label: v.p.T("review.with_action"), Numeric: true},
		{Label: v.p.T("review.with_effect"), Numeric: true},
	}}
	for _, r := range all {
		wait, often := "–", ""
		if r.Wait > 0 {
			wait = v.p.T("review.hours", lang.Args{"n": int(r.Wait.Round(time.Hour).Hours())})
		}
		if r.TooOften {
			often = v.p.T("review.too_often", lang.Args{"ratio": v.p.Number(r.Proposed, 2)})
		}
		share := func(n int) string {
			if r.Cases == 0 {
				return "–"
			}
			return v.p.Percent(float64(n) / float64(r.Cases))
		}
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
			face.Words(v.ruleWord(r.Rule), often), face.Figures(v.p.Count(int64(r.Cases)), v.p.T("review.still_open", lang.Args{"n": r.Open})), face.Figures(wait, ""),
			face.Figures(v.p.Count(int64(r.Justified)), ""), face.Figures(share(r.With), ""), face.Figures(share(r.Prove), ""),
		}})
	}
	return t
}

// missingRules returns the parts that are still to be typed in.
func missingRules(all []CaseRule) []CaseRule {
	var out []CaseRule
	for _, r := range all {
		if r.Status == "to_type_in" {
			out = append(out, r)
		}
	}
	return out
}

// alertRules lists the rules.
func (v *visit) alertRules(all []CaseRule) face.Table {
	t := face.Table{ID: "rules", Caption: v.p.T("review.rules"), Columns: []face.Column{
		{Label: v.p.T("review.rule"), Phone: face.Name},
		{Label: v.p.T("review.quantity")},
		{Label: v.p.T("review.trigger"), Phone: face.Beside},
		{Label: v.p.T("review.status")},
		{Label: v.p.T("review.source")},
	}}
	for _, r := range all {
		trigger := "–"
		if r.Value > 0 {
			trigger = v.p.Sig(r.Value) + " " + v.p.Unit(r.Unit)
		}
		aggregation := ""
		if r.Aggregation != "" {
			aggregation = v.p.T("review.agg_" + r.Aggregation)
		}
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
			face.Words(v.ruleWord(r.ID), r.ID+": "+r.Meaning), face.Words(orElse(r.Quantity, "–"), aggregation), face.Words(trigger, ""),
			face.Words(v.p.T("review.status_"+r.Status), ""), face.Words(r.Source, ""),
		}})
	}
	return t
}

// cumulativeTable tells how many persons reach the value of a cumulative rule.
func (v *visit) cumulativeTable(all []CumulativeCount) face.Table {
	t := face.Table{ID: "cumulative-counts", Caption: v.p.T("review.cumulative"), Columns: []face.Column{
		{Label: v.p.T("review.rule"), Phone: face.Name},
		{Label: v.p.T("review.years"), Numeric: true, Phone: face.Beside},
		{Label: v.p.T("review.persons"), Numeric: true},
		{Label: v.p.T("review.above"), Numeric: true},
		{Label: v.p.T("review.estimated"), Numeric: true},
	}}
	for _, c := range all {
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
			face.Words(v.ruleWord(c.Rule), v.dayWord(c.Day)), face.Figures(strconv.Itoa(c.Years), ""), face.Figures(v.p.Count(int64(c.Persons)), ""),
			face.Figures(v.p.Count(int64(c.Above)), ""),
			face.Figures(v.p.T("review.estimated_of", lang.Args{"n": v.p.Count(int64(c.Estimated)), "all": v.p.Count(int64(c.Examinations))}), ""),
		}})
	}
	return t
}
