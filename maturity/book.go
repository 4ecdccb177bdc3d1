package maturity

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// A Journal takes what people did. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Book keeps assessments: who answered what and when, what evidence said then, what is
// to be done, and the result as it stood when an assessment was closed. It is safe for
// concurrent use.
type Book struct {
	DB      *db.DB
	Journal Journal
	Content *content.Library
	Site    func(ctx context.Context, siteID string) (site.Site, error)
	// Facts reads facts, each within its time; *evidence.Registry does by Survey.
	Facts func(ctx context.Context, siteID string, ids []string) []evidence.Reading
	// Key signs what is told to others.
	Key func() (ed25519.PrivateKey, error)
	Now func() time.Time
}

// A Kind says what is assessed.
type Kind string

// The kinds of assessment.
const (
	Digital Kind = "maturity"
	Quality Kind = "stars"
)

// States of an assessment.
const (
	Running = "open"
	Closed  = "closed"
)

// TakenBack is the answer of an item that somebody took back: it is unanswered again.
const TakenBack = -2

// mostText and mostName bound what people write, in bytes.
const (
	mostText = 2000
	mostName = 200
)

// An Assessment is one pass through all questions.
type Assessment struct {
	ID, Site, Name string
	Kind           Kind
	Single, Floor  bool
	State          string
	OpenedBy       string
	OpenedAt       time.Time
	ClosedBy       string
	ClosedAt       time.Time
	Day            string // at the site, of closing, or of opening while it is open
	Answers        map[string]Answer
	Steps          map[string]Step
	Frozen         *Frozen // of a closed one
}

// An Answer is the newest of an item.
type Answer struct {
	Item     string
	Version  int
	Answer   int // 0 to 4, NA or TakenBack; of stars 1 met, 0 open
	Reason   string
	Due      string
	Proposed *int     // what evidence proposed
	Measured *Measure // what evidence said
	By       string
	At       time.Time
}

// Overridden reports whether a person answered otherwise than evidence proposed.
func (a *Answer) Overridden() bool { return a.Proposed != nil && *a.Proposed != a.Answer }

// A Step is what is to be done about an item.
type Step struct {
	Item    string
	Version int
	Effort  string // days of work; "" unknown
	Owner   string
	Due     string
	Note    string
	Done    bool
	By      string
	At      time.Time
}

// Frozen is the result of an assessment when it was closed.
type Frozen struct {
	Content content.Ref `json:"content"`
	Result  *Result     `json:"result,omitempty"`
	Stars   *StarResult `json:"stars,omitempty"`
	Expires string      `json:"expires,omitempty"` // day from which the stars are expired
}

const selectAssessment = `select assessment_id, site_id, kind, name, single_area, floor, state, opened_by, opened_at, closed_by, closed_at, day, result from maturity_assessment`

func scanAssessment(r *db.Rows) (a Assessment, err error) {
	var single, floor, opened, closed int64
	var result string
	if err := r.Scan(&a.ID, &a.Site, &a.Kind, &a.Name, &single, &floor, &a.State, &a.OpenedBy, &opened, &a.ClosedBy, &closed, &a.Day, &result); err != nil {
		return a, err
	}
	a.Single, a.Floor, a.OpenedAt, a.Answers, a.Steps = single != 0, floor != 0, db.FromMillis(opened), map[string]Answer{}, map[string]Step{}
	if a.State == Closed {
		a.ClosedAt = db.FromMillis(closed)
		a.Frozen = &Frozen{}
		return a, fault.As(fault.Internal, json.Unmarshal([]byte(result), a.Frozen))
	}
	return a, nil
}

// List returns the assessments of a kind, the newest first, without their answers.
func (b *Book) List(ctx context.Context, siteID string, kind Kind) ([]Assessment, error) {
	return db.List(ctx, b.DB, scanAssessment, selectAssessment+` where site_id = $1 and kind = $2 order by opened_at desc, assessment_id desc`, siteID, kind)
}

// Get returns an assessment with its answers and steps. NotFound: there is none.
func (b *Book) Get(ctx context.Context, siteID string, kind Kind, id string) (*Assessment, error) {
	return b.get(ctx, b.DB, siteID, kind, id)
}

func (*Book) get(ctx context.Context, q db.Querier, siteID string, kind Kind, id string) (*Assessment, error) {
	all, err := db.List(ctx, q, scanAssessment, selectAssessment+` where site_id = $1 and assessment_id = $2 and kind = $3`, siteID, id, kind)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no such assessment")
	}
	a := &all[0]
	answers, err := db.List(ctx, q, scanAnswer, selectAnswer+` where site_id = $1 and assessment_id = $2 order by item, version`, siteID, id)
	if err != nil {
		return nil, err
	}
	for _, x := range answers {
		a.Answers[x.Item] = x
	}
	steps, err := db.List(ctx, q, scanStep, `select item, version, effort, owner, due, note, done, done_by, done_at from maturity_step
		where site_id = $1 and assessment_id = $2 order by item, version`, siteID, id)
	for _, x := range steps {
		a.Steps[x.Item] = x
	}
	return a, err
}

const selectAnswer = `select item, version, answer, reason, due, proposed, measured, done_by, done_at from maturity_answer`

func scanAnswer(r *db.Rows) (a Answer, err error) {
	var proposed, measured string
	var at int64
	if err := r.Scan(&a.Item, &a.Version, &a.Answer, &a.Reason, &a.Due, &proposed, &measured, &a.By, &at); err != nil {
		return a, err
	}
	a.At = db.FromMillis(at)
	if proposed != "" {
		n, err := strconv.Atoi(proposed)
		if err != nil {
			return a, fault.As(fault.Internal, err)
		}
		a.Proposed = &n
	}
	if measured != "" {
		a.Measured = &Measure{}
		err = json.Unmarshal([]byte(measured), a.Measured)
	}
	return a, fault.As(fault.Internal, err)
}

func scanStep(r *db.Rows) (s Step, err error) {
	var done, at int64
	err = r.Scan(&s.Item, &s.Version, &s.Effort, &s.Owner, &s.Due, &s.Note, &done, &s.By, &at)
	s.Done, s.At = done != 0, db.FromMillis(at)
	return s, err
}

// History returns every answer that an item of an assessment ever had, the oldest first.
func (b *Book) History(ctx context.Context, siteID, id, item string) ([]Answer, error) {
	return db.List(ctx, b.DB, scanAnswer, selectAnswer+` where site_id = $1 and assessment_id = $2 and item = $3 order by version`, siteID, id, item)
}

// A Start says how an assessment begins.
type Start struct {
	Kind          Kind
	Name          string
	Single, Floor bool
}

// Open begins an assessment on behalf of an account. Invalid: no kind, or no name.
// Conflict: one of the kind is open already.
func (b *Book) Open(ctx context.Context, siteID, by string, s Start) (*Assessment, error) {
	if s.Kind != Digital && s.Kind != Quality {
		return nil, fault.Errorf(fault.Invalid, "an assessment is of %s or %s", Digital, Quality)
	}
	s.Name = strings.TrimSpace(s.Name)
	if s.Name == "" || !text(s.Name, mostName) || by == "" {
		return nil, fault.Errorf(fault.Invalid, "an assessment needs a name of 1 to %d bytes, such as the year, and somebody who opens it", mostName)
	}
	here, err := b.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	a := &Assessment{ID: db.NewID(), Site: siteID, Kind: s.Kind, Name: s.Name, Single: s.Single, Floor: s.Floor, State: Running, OpenedBy: by, OpenedAt: b.Now(), Day: here.Day(b.Now())}
	return a, b.DB.Write(ctx, func(tx *db.Tx) error {
		running, err := db.List(ctx, tx, scanAssessment, selectAssessment+` where site_id = $1 and kind = $2 and state = $3`, siteID, s.Kind, Running)
		if err != nil {
			return err
		}
		if len(running) > 0 {
			return fault.Errorf(fault.Conflict, "assessment %q is open: close it first", running[0].Name)
		}
		_, err = tx.Exec(ctx, `insert into maturity_assessment (assessment_id, site_id, kind, name, single_area, floor, state, opened_by, opened_at, closed_by, closed_at, day, result)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, $10, '')`, a.ID, siteID, s.Kind, s.Name, bit(s.Single), bit(s.Floor), Running, by, db.Millis(a.OpenedAt), a.Day)
		if err != nil {
			return err
		}
		return b.journalled(ctx, tx, siteID, by, "maturity.assessment.opened", a.ID, map[string]any{"kind": s.Kind})
	})
}

// A Given is the answer that a person gives to an item.
type Given struct {
	Item   string
	Answer int // see Answer.Answer
	Reason string
	Due    string // of stars: day of a plan
	Before int    // version that the person saw, 0 of an unanswered item
}

// Answer keeps answers on behalf of an account: all of them, or none. Beside each stands
// what evidence says now. Invalid: an answer that may not be, or lacks its reason.
// Conflict: somebody answered an item in between, or the assessment is closed.
func (b *Book) Answer(ctx context.Context, siteID, by string, kind Kind, id string, given []Given) error {
	if by == "" || len(given) == 0 || len(given) > 1000 {
		return fault.Errorf(fault.Invalid, "1 to 1000 answers, and somebody who gives them")
	}
	k, err := b.known(ctx, siteID, kind, items(given))
	if err != nil {
		return err
	}
	return b.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := b.running(ctx, tx, siteID, kind, id)
		if err != nil {
			return err
		}
		var told []string
		for i := range given {
			g := &given[i]
			g.Reason = strings.TrimSpace(g.Reason)
			x := Answer{Item: g.Item, Version: a.Answers[g.Item].Version + 1, Answer: g.Answer, Reason: g.Reason, Due: g.Due, By: by, At: b.Now()}
			if g.Before != x.Version-1 {
				return fault.Errorf(fault.Conflict, "%s: somebody else answered it in between; look at it again", g.Item)
			}
			if err := k.check(a, g, &x); err != nil {
				return err
			}
			if err := b.keep(ctx, tx, a, &x); err != nil {
				return err
			}
			told = append(told, g.Item)
		}
		return b.journalled(ctx, tx, siteID, by, "maturity.answer.given", id, map[string]any{"items": told})
	})
}

func items(given []Given) (ids []string) {
	for _, g := range given {
		ids = append(ids, g.Item)
	}
	return ids
}

// keep writes an answer.
func (*Book) keep(ctx context.Context, tx *db.Tx, a *Assessment, x *Answer) error {
	var proposed, measured string
	if x.Proposed != nil {
		proposed = strconv.Itoa(*x.Proposed)
	}
	if x.Measured != nil {
		raw, err := json.Marshal(x.Measured)
		if err != nil {
			return err
		}
		measured = string(raw)
	}
	a.Answers[x.Item] = *x
	_, err := tx.Exec(ctx, `insert into maturity_answer (assessment_id, item, version, site_id, answer, reason, due, proposed, measured, done_by, done_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, a.ID, x.Item, x.Version, a.Site, x.Answer, x.Reason, x.Due, proposed, measured, x.By, db.Millis(x.At))
	return err
}

// running returns an assessment that is open.
func (b *Book) running(ctx context.Context, tx *db.Tx, siteID string, kind Kind, id string) (*Assessment, error) {
	a, err := b.get(ctx, tx, siteID, kind, id)
	if err == nil && a.State != Running {
		err = fault.Errorf(fault.Conflict, "the assessment %q is closed: its answers stay as they are; open a new one", a.Name)
	}
	return a, err
}

// A knowledge is what content and evidence say of the items of an assessment.
type knowledge struct {
	model    *Model
	stars    *Stars
	readings map[string]evidence.Reading // by fact
}

// known loads content, and reads the facts of the items that are named.
func (b *Book) known(ctx context.Context, siteID string, kind Kind, ids []string) (*knowledge, error) {
	k := &knowledge{readings: map[string]evidence.Reading{}}
	var facts []string
	var err error
	switch kind {
	case Digital:
		if k.model, err = Load(b.Content, siteID); err != nil {
			return nil, err
		}
		for _, id := range ids {
			if x := k.model.Indicator(id); x != nil && x.Evidence != "" {
				facts = append(facts, x.Evidence)
			}
		}
	case Quality:
		if k.stars, err = LoadStars(b.Content, siteID); err != nil {
			return nil, err
		}
		for _, id := range ids {
			if c := k.stars.Criterion(id); c != nil {
				for _, x := range c.Conditions {
					facts = append(facts, x.Evidence)
				}
			}
		}
	default:
		return nil, fault.Errorf(fault.Invalid, "an assessment is of %s or %s", Digital, Quality)
	}
	slices.Sort(facts)
	for _, r := range b.Facts(ctx, siteID, slices.Compact(facts)) {
		k.readings[r.Definition.ID] = r
	}
	return k, nil
}

// measure returns what a fact said, nil if it said nothing.
func (k *knowledge) measure(id string) *Measure {
	r, ok := k.readings[id]
	if !ok || r.Late || r.Err != nil || r.Value.State == "" {
		return nil
	}
	m := MeasureOf(&r.Value)
	return &m
}

// check refuses an answer that may not be, and puts beside it what evidence says.
func (k *knowledge) check(a *Assessment, g *Given, x *Answer) error {
	if !text(g.Reason, mostText) {
		return fault.Errorf(fault.Invalid, "%s: a reason is text of at most %d bytes", g.Item, mostText)
	}
	if k.stars != nil {
		return k.checkStar(g, x)
	}
	m := k.model
	i := m.Indicator(g.Item)
	if i == nil {
		return fault.Errorf(fault.NotFound, "no indicator %q", g.Item)
	}
	if g.Answer == TakenBack {
		return nil
	}
	if g.Answer < NA || g.Answer > m.Rules.n("answer_most") {
		return fault.Errorf(fault.Invalid, "%s: an answer is 0 to %d, or not applicable", g.Item, m.Rules.n("answer_most"))
	}
	if g.Answer == NA && !m.MayWaive(i, a.Single) {
		return fault.Errorf(fault.Invalid, "%s cannot be not applicable here: answer 0 to %d", g.Item, m.Rules.n("answer_most"))
	}
	if g.Answer == NA && g.Reason == "" {
		return fault.Errorf(fault.Invalid, "%s: not applicable needs a reason", g.Item)
	}
	x.Measured = k.measure(i.Evidence)
	if x.Measured == nil {
		return nil
	}
	if p, ok := m.Propose(i, k.readings[i.Evidence].Definition.Kind, *x.Measured); ok {
		x.Proposed = &p.Answer
		if p.Answer != g.Answer && g.Reason == "" {
			return fault.Errorf(fault.Invalid, "%s: evidence proposes %d; another answer needs a reason, and both are kept", g.Item, p.Answer)
		}
	}
	if i.Mode == Supported && x.Measured.State == evidence.Known && x.Measured.Value == 0 && g.Answer > m.Rules.n("supported_most") && g.Reason == "" {
		return fault.Errorf(fault.Invalid, "%s: the evidence beside it is 0; an answer above %d needs a reason", g.Item, m.Rules.n("supported_most"))
	}
	return nil
}

// checkStar is check of a criterion.
func (k *knowledge) checkStar(g *Given, x *Answer) error {
	c := k.stars.Criterion(g.Item)
	if c == nil {
		return fault.Errorf(fault.NotFound, "no criterion %q", g.Item)
	}
	if g.Answer == TakenBack {
		return nil
	}
	if g.Answer != 0 && g.Answer != 1 {
		return fault.Errorf(fault.Invalid, "%s: a criterion is met (1) or open (0)", g.Item)
	}
	if g.Due != "" {
		if _, err := time.Parse(time.DateOnly, g.Due); err != nil {
			return fault.Errorf(fault.Invalid, "%s: the day of a plan is written as 2026-01-31", g.Item)
		}
	}
	of := map[string]Measure{}
	for _, cond := range c.Conditions {
		if m := k.measure(cond.Evidence); m != nil {
			of[cond.Evidence] = *m
			x.Measured = m
		}
	}
	if met, _, known := k.stars.Judge(c, of); known {
		p := int(bit(met))
		x.Proposed = &p
		if p != g.Answer && g.Reason == "" {
			return fault.Errorf(fault.Invalid, "%s: evidence says otherwise; another answer needs a reason, and both are kept", g.Item)
		}
	}
	if g.Answer == 1 && c.Mode == Declared && g.Reason == "" {
		return fault.Errorf(fault.Invalid, "%s: it is declared with a reference: say which", g.Item)
	}
	return nil
}

// Do keeps what is to be done about an item on behalf of an account.
func (b *Book) Do(ctx context.Context, siteID, by string, kind Kind, id string, s Step, before int) error {
	s.Effort = strings.ReplaceAll(strings.TrimSpace(s.Effort), ",", ".")
	if s.Effort != "" {
		if days, err := strconv.ParseFloat(s.Effort, 64); err != nil || !(days >= 0 && days <= 100_000) || strings.ContainsAny(s.Effort, "eExXpP_+") {
			return fault.Errorf(fault.Invalid, "%s: effort is days of work, such as 2.5", s.Item)
		}
	}
	if s.Due != "" {
		if _, err := time.Parse(time.DateOnly, s.Due); err != nil {
			return fault.Errorf(fault.Invalid, "%s: a due date is written as 2026-01-31", s.Item)
		}
	}
	if !text(s.Owner, mostName) || !text(s.Note, mostText) || by == "" {
		return fault.Errorf(fault.Invalid, "%s: owner and note are text of at most %d and %d bytes", s.Item, mostName, mostText)
	}
	k, err := b.known(ctx, siteID, kind, nil)
	if err != nil {
		return err
	}
	if k.model != nil && k.model.Indicator(s.Item) == nil || k.stars != nil && k.stars.Criterion(s.Item) == nil {
		return fault.Errorf(fault.NotFound, "no item %q", s.Item)
	}
	return b.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := b.get(ctx, tx, siteID, kind, id)
		if err != nil {
			return err
		}
		s.Version = a.Steps[s.Item].Version + 1
		if before != s.Version-1 {
			return fault.Errorf(fault.Conflict, "%s: somebody else changed the step in between; look at it again", s.Item)
		}
		_, err = tx.Exec(ctx, `insert into maturity_step (assessment_id, item, version, site_id, effort, owner, due, note, done, done_by, done_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, id, s.Item, s.Version, siteID, s.Effort, s.Owner, s.Due, s.Note, bit(s.Done), by, db.Millis(b.Now()))
		if err != nil {
			return err
		}
		return b.journalled(ctx, tx, siteID, by, "maturity.step.planned", id, map[string]any{"item": s.Item, "version": s.Version})
	})
}

// Close freezes an assessment with its result. What is to be done can be changed still.
// Conflict: it is closed already.
func (b *Book) Close(ctx context.Context, siteID, by string, kind Kind, id string) (*Assessment, error) {
	k, err := b.known(ctx, siteID, kind, nil)
	if err != nil {
		return nil, err
	}
	here, err := b.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	var a *Assessment
	return a, b.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if a, err = b.running(ctx, tx, siteID, kind, id); err != nil {
			return err
		}
		a.State, a.ClosedBy, a.ClosedAt, a.Day = Closed, by, b.Now(), here.Day(b.Now())
		a.Frozen = k.freeze(a)
		raw, err := json.Marshal(a.Frozen)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update maturity_assessment set state = $1, closed_by = $2, closed_at = $3, day = $4, result = $5 where site_id = $6 and assessment_id = $7`,
			Closed, by, db.Millis(a.ClosedAt), a.Day, string(raw), siteID, id)
		if err != nil {
			return err
		}
		return b.journalled(ctx, tx, siteID, by, "maturity.assessment.closed", id, map[string]any{"kind": kind})
	})
}

// freeze makes the result of an assessment as of its day.
func (k *knowledge) freeze(a *Assessment) *Frozen {
	if k.model != nil {
		r := k.model.Score(a.Numbers(), a.Single)
		return &Frozen{Content: k.model.Ref, Result: &r}
	}
	r := k.stars.Score(a.Stars(), a.Day, later(a.Day, k.stars.Rules.n("plan_months")))
	return &Frozen{Content: k.stars.Ref, Stars: &r, Expires: later(a.Day, k.stars.Rules.n("shown_months"))}
}

// later returns the day some months after another.
func later(day string, months int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(0, months, 0).Format(time.DateOnly)
}

// Expired reports whether stars are past the time for which they are shown.
func (a *Assessment) Expired(day string) bool {
	return a.Frozen != nil && a.Frozen.Expires != "" && day >= a.Frozen.Expires
}

// Numbers returns the answers of an assessment of maturity, as Model.Score takes them.
func (a *Assessment) Numbers() map[string]int {
	out := map[string]int{}
	for id, x := range a.Answers {
		if x.Answer != TakenBack {
			out[id] = x.Answer
		}
	}
	return out
}

// Stars returns the answers of an assessment of stars, as Stars.Score takes them.
func (a *Assessment) Stars() map[string]StarAnswer {
	out := map[string]StarAnswer{}
	for id, x := range a.Answers {
		if x.Answer != TakenBack {
			out[id] = StarAnswer{Met: x.Answer == 1, Due: x.Due}
		}
	}
	return out
}

// Result returns the result of an assessment: as it was frozen, or live.
func (b *Book) Result(ctx context.Context, a *Assessment) (*Frozen, error) {
	if a.Frozen != nil {
		return a.Frozen, nil
	}
	k, err := b.known(ctx, a.Site, a.Kind, nil)
	if err != nil {
		return nil, err
	}
	here, err := b.Site(ctx, a.Site)
	if err != nil {
		return nil, err
	}
	now := *a
	now.Day = here.Day(b.Now())
	f := k.freeze(&now)
	f.Expires = ""
	return f, nil
}

// text reports whether s is text of at most so many bytes.
func text(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f })
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// journalled writes an entry about what somebody did.
func (b *Book) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return b.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}
