package worklist

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/fault"
)

// A LifeKind is a step on the way from an order to its report.
type LifeKind string

// The steps, in the order in which they are gone through.
const (
	LifeOrdered   LifeKind = "ordered"   // somebody wrote the order
	LifeScheduled LifeKind = "scheduled" // when and where it is to be done
	LifeAsked     LifeKind = "asked"     // a machine was given the entry of the worklist
	LifePerformed LifeKind = "performed" // a machine said that it does it
	LifeImages    LifeKind = "images"    // objects arrived
	LifeComplete  LifeKind = "complete"  // all of them are here
	LifeReported  LifeKind = "reported"
)

// A LifeState is how a step stands.
type LifeState string

// The states of steps.
const (
	LifeDone    LifeState = "done"
	LifeOpen    LifeState = "open"    // its time has not come, or it is under way
	LifeLate    LifeState = "late"    // its time has passed
	LifeMissing LifeState = "missing" // what follows it is there, and it is not
	LifeStopped LifeState = "stopped" // cancelled or broken off
	LifeUnknown LifeState = "unknown" // nobody here can know
)

// What a person may do about a step.
const (
	TodoConfirm = "confirm" // say whether the study belongs to the order that was found
	TodoMatch   = "match"   // say to which order the study belongs
	TodoUndo    = "undo"    // take back what somebody decided
	TodoCancel  = "cancel"  // take the order off the worklist if nobody comes
	TodoAskRIS  = "ask_ris" // ask who orders
	TodoMachine = "machine" // ask at the machine: its settings, or what it did not send
	TodoByHand  = "by_hand" // say by hand that it was done
)

// A LifeStep is one step on the way.
type LifeStep struct {
	Kind  LifeKind  `json:"kind"`
	State LifeState `json:"state"`
	At    time.Time `json:"at,omitzero"`     // when it was, or is to be
	Until time.Time `json:"until,omitzero"`  // of what lasts: its end so far
	Local string    `json:"local,omitempty"` // when, as a machine says it, without a zone
	By    string    `json:"by,omitempty"`    // who: an account, an application entity title, an author
	Way   string    `json:"way,omitempty"`   // by which way it came: an Origin, mpps, hand, dicom
	What  string    `json:"what,omitempty"`  // in words of who ordered or did it

	Order   string `json:"order,omitempty"` // id
	Step    string `json:"step,omitempty"`  // key
	Study   string `json:"study,omitempty"` // Study Instance UID
	SOP     string `json:"sop,omitempty"`   // of the performed step
	Report  string `json:"report,omitempty"`
	Machine string `json:"machine,omitempty"` // titles of the machines that may do it

	Count    int64            `json:"count,omitempty"`    // objects
	Expected int64            `json:"expected,omitempty"` // that somebody said would come; 0: nobody did
	Series   map[string]int64 `json:"by_modality,omitempty"`
	Match    Match            `json:"match,omitempty"`  // of images: whether they belong to the order
	Reason   string           `json:"reason,omitempty"` // why: of a match, of a completion, the state of a report
	Problems []string         `json:"problems,omitempty"`
	Todo     []string         `json:"todo,omitempty"`
}

// A Life is what became of one or more orders, from the order to the report.
type Life struct {
	Orders  []LifeOrder `json:"orders"`
	Studies []string    `json:"studies"`
	Steps   []LifeStep  `json:"steps"`
}

// A LifeOrder names an order of a Life.
type LifeOrder struct {
	ID        string `json:"id"`
	Accession string `json:"accession"`
	What      string `json:"what"`
	State     State  `json:"state"`
	Suspected bool   `json:"suspected,omitempty"` // the study may belong to it: somebody has to say
	// Pregnancy is what the order says of it, told at At.
	Pregnancy Pregnancy `json:"pregnancy,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Person    string    `json:"-"`
}

// A Told is a report that arrived.
type Told struct {
	ID     string
	At     time.Time
	Status string // preliminary, final, amended …
	By     string
	Way    string // hl7, fhir
}

// Reports knows what was written about examinations.
type Reports interface {
	// ReportsOf returns the reports of an order or of its study, the first one first. Of
	// a study without an order o has nothing but its UID.
	ReportsOf(ctx context.Context, site string, o Order) ([]Told, error)
}

// lifeLate is how long after its start a step waits before it is late.
const lifeLate = time.Hour

// LifeOf returns what became of an order, by its id.
func (r *Register) LifeOf(ctx context.Context, siteID, order string) (Life, error) {
	o, err := r.Get(ctx, siteID, order)
	if err != nil {
		return Life{}, err
	}
	studies, err := r.StudyStates(ctx, siteID, StudyFilter{Orders: []string{o.ID}})
	if err != nil {
		return Life{}, err
	}
	return r.life(ctx, siteID, []Order{o}, studies)
}

// LifeOfStudy returns what became of the orders that a study belongs to, or may, and
// what is known of it where there is none.
func (r *Register) LifeOfStudy(ctx context.Context, siteID, study string, accessions ...string) (Life, error) {
	states, err := r.StudyStates(ctx, siteID, StudyFilter{Study: study})
	if err != nil {
		return Life{}, err
	}
	orders, err := r.Belonging(ctx, r.DB, siteID, study, accessions)
	if err != nil {
		return Life{}, err
	}
	has := func(id string) bool { return slices.ContainsFunc(orders, func(o Order) bool { return o.ID == id }) }
	for _, s := range states {
		if s.Order == "" || has(s.Order) {
			continue
		}
		o, err := r.get(ctx, r.DB, siteID, s.Order)
		if err != nil && fault.Of(err) != fault.NotFound {
			return Life{}, err
		}
		if err == nil {
			orders = append(orders, o)
		}
	}
	more, err := r.otherStudies(ctx, siteID, orders, study)
	if err != nil {
		return Life{}, err
	}
	if len(states) == 0 {
		states = []StudyState{{Study: study, Match: Unmatched, Reason: NoOrder}}
	}
	return r.life(ctx, siteID, orders, append(states, more...))
}

// otherStudies returns the studies beside one that belong to orders.
func (r *Register) otherStudies(ctx context.Context, siteID string, orders []Order, but string) ([]StudyState, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	all, err := r.StudyStates(ctx, siteID, StudyFilter{Orders: ids, Matches: []Match{Matched}})
	return slices.DeleteFunc(all, func(s StudyState) bool { return s.Study == but }), err
}

// LivesOf returns what became of the orders that have an accession number, or of the
// order or study of that id. NotFound: there is none.
func (r *Register) LivesOf(ctx context.Context, siteID, name string) ([]Life, error) {
	if l, err := r.LifeOf(ctx, siteID, name); err == nil || fault.Of(err) != fault.NotFound {
		return []Life{l}, err
	}
	orders, err := r.Numbered(ctx, siteID, Numbers{Accession: name})
	if err != nil {
		return nil, err
	}
	var all []Life
	for _, o := range orders {
		l, err := r.LifeOf(ctx, siteID, o.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	if len(all) > 0 {
		return all, nil
	}
	states, err := r.StudyStates(ctx, siteID, StudyFilter{Study: name})
	if err != nil {
		return nil, err
	}
	if len(states) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no order or study %.64q", name)
	}
	l, err := r.LifeOfStudy(ctx, siteID, name)
	return []Life{l}, err
}

// life puts together what is known of orders and studies.
func (r *Register) life(ctx context.Context, siteID string, orders []Order, studies []StudyState) (Life, error) {
	b := lifeBuilder{r: r, site: siteID, now: r.Now(), studies: studies}
	b.life = Life{Orders: []LifeOrder{}, Studies: []string{}}
	for _, s := range studies {
		b.life.Studies = append(b.life.Studies, s.Study)
	}
	for i := range orders {
		if err := b.order(ctx, &orders[i]); err != nil {
			return Life{}, err
		}
	}
	if len(orders) == 0 {
		b.add(LifeStep{Kind: LifeOrdered, State: LifeMissing, Todo: []string{TodoMatch, TodoAskRIS}})
	}
	if err := b.unplanned(ctx); err != nil {
		return Life{}, err
	}
	for _, s := range studies {
		if err := b.study(ctx, s); err != nil {
			return Life{}, err
		}
	}
	if len(studies) == 0 {
		b.none()
	}
	if err := b.reports(ctx, orders); err != nil {
		return Life{}, err
	}
	slices.SortStableFunc(b.life.Steps, func(x, y LifeStep) int {
		return cmp.Or(cmp.Compare(x.Kind.rank(), y.Kind.rank()), x.At.Compare(y.At))
	})
	return b.life, nil
}

// rank orders steps.
func (k LifeKind) rank() int {
	return slices.Index([]LifeKind{LifeOrdered, LifeScheduled, LifeAsked, LifePerformed, LifeImages, LifeComplete, LifeReported}, k)
}

// A lifeBuilder puts a Life together.
type lifeBuilder struct {
	r       *Register
	site    string
	now     time.Time
	studies []StudyState
	life    Life
	told    map[string]bool // performed steps that stand there
	said    bool            // a machine said that it is done
}

func (b *lifeBuilder) add(s LifeStep) { b.life.Steps = append(b.life.Steps, s) }

// arrived reports whether objects of an order are here.
func (b *lifeBuilder) arrived(order string) bool {
	return slices.ContainsFunc(b.studies, func(s StudyState) bool { return s.Order == order && s.Match == Matched })
}

// order adds the order and its scheduled steps.
func (b *lifeBuilder) order(ctx context.Context, o *Order) error {
	suspected := slices.ContainsFunc(b.studies, func(s StudyState) bool { return s.Order == o.ID && s.Match == Suspected }) && !b.arrived(o.ID)
	b.life.Orders = append(b.life.Orders, LifeOrder{ID: o.ID, Accession: o.Accession, What: o.Description, State: o.State, Suspected: suspected, Person: o.Person, Pregnancy: o.Patient.Pregnancy, At: o.ChangedAt})
	one := LifeStep{Kind: LifeOrdered, State: LifeDone, At: o.CreatedAt, Way: string(o.Origin), What: o.Description, Order: o.ID}
	if o.Version == 1 {
		one.By = o.ChangedBy
	}
	if o.State == Cancelled {
		one.State, one.Until, one.By = LifeStopped, o.ChangedAt, o.ChangedBy
	}
	b.add(one)
	for i := range o.Steps {
		if err := b.step(ctx, o, &o.Steps[i]); err != nil {
			return err
		}
	}
	return nil
}

// step adds one scheduled step, who asked for it and who did it.
func (b *lifeBuilder) step(ctx context.Context, o *Order, s *Step) error {
	one := LifeStep{
		Kind: LifeScheduled, State: LifeDone, At: s.StartAt, What: cmp.Or(s.Description, s.Modality), Order: o.ID, Step: s.Key,
		Machine: strings.Join(s.Stations, ", "), Reason: string(s.State),
	}
	asked, err := b.r.askings(ctx, b.site, s.Key)
	if err != nil {
		return err
	}
	performed, err := b.r.Performed(ctx, b.site, PerformedFilter{Steps: []string{s.Key}})
	if err != nil {
		return err
	}
	late := b.now.Sub(s.StartAt) > lifeLate && !b.arrived(o.ID) && len(performed) == 0
	switch {
	case s.State == Cancelled || o.State == Cancelled:
		one.State = LifeStopped
	case (s.State == Scheduled || s.State == Arrived) && late:
		one.State, one.Todo = LifeLate, []string{TodoCancel, TodoByHand}
	case s.State == Scheduled && b.now.Before(s.StartAt):
		one.State = LifeOpen
	}
	b.add(one)
	stopped := one.State == LifeStopped
	b.asked(o, s, asked, len(performed) > 0 || s.State == Completed, stopped, one.State == LifeLate)
	b.performed(o, s, performed, stopped, one.State == LifeLate)
	return nil
}

// asked adds who was given the entry.
func (b *lifeBuilder) asked(o *Order, s *Step, list []asking, done, stopped, late bool) {
	one := LifeStep{Kind: LifeAsked, Order: o.ID, Step: s.Key}
	for _, a := range list {
		one.State, one.At, one.Until, one.By, one.Way = LifeDone, a.first, a.last, a.caller, "dicom"
		b.add(one)
	}
	switch {
	case len(list) > 0 || stopped:
		return
	case done: // before anybody noted it, or the machine asks elsewhere
		one.State = LifeUnknown
	case late:
		one.State, one.Todo = LifeLate, []string{TodoMachine}
	default:
		one.State = LifeOpen
	}
	b.add(one)
}

// performed adds what machines said of a scheduled step.
func (b *lifeBuilder) performed(o *Order, s *Step, list []PerformedStep, stopped, late bool) {
	for _, p := range list {
		b.add(b.of(p, o.ID, s.Key))
	}
	one := LifeStep{Kind: LifePerformed, Order: o.ID, Step: s.Key}
	switch {
	case len(list) > 0 || stopped:
		return
	case s.State == Completed:
		one.State, one.Way = LifeDone, "hand"
	case s.State == Discontinued:
		one.State, one.Way = LifeStopped, "hand"
	case b.arrived(o.ID):
		one.State, one.Todo = LifeMissing, []string{TodoMachine, TodoByHand}
	case late:
		one.State = LifeLate
	default:
		one.State = LifeOpen
	}
	b.add(one)
}

// of makes a step of a performed one.
func (b *lifeBuilder) of(p PerformedStep, order, key string) LifeStep {
	if b.told == nil {
		b.told = map[string]bool{}
	}
	b.told[p.SOPInstance] = true
	one := LifeStep{
		Kind: LifePerformed, State: LifeDone, At: p.CreatedAt, Local: p.Start, By: cmp.Or(p.Station, p.CallingAE), Way: "mpps", Order: order, Step: key, SOP: p.SOPInstance,
		Study: p.Study, Count: p.References, Reason: string(p.State), Problems: p.Problems,
	}
	switch p.State {
	case InProgress:
		one.State = LifeOpen
	case Discontinued:
		one.State, one.Until = LifeStopped, p.ChangedAt
	default:
		one.Until, b.said = p.ChangedAt, true
	}
	return one
}

// unplanned adds what machines said of the studies that no scheduled step fits.
func (b *lifeBuilder) unplanned(ctx context.Context) error {
	for _, s := range b.studies {
		list, err := b.r.Performed(ctx, b.site, PerformedFilter{Study: s.Study})
		if err != nil {
			return err
		}
		for _, p := range list {
			if !b.told[p.SOPInstance] {
				b.add(b.of(p, "", ""))
			}
		}
	}
	return nil
}

// study adds what arrived of one study, and whether it is all.
func (b *lifeBuilder) study(ctx context.Context, s StudyState) error {
	one := LifeStep{
		Kind: LifeImages, State: LifeDone, At: s.First, Until: s.Last, By: s.CallingAE, Way: "dicom", Study: s.Study, Order: s.Order,
		Count: s.Instances, Match: s.Match, Reason: s.Reason,
	}
	switch {
	case s.DecidedBy != "":
		one.Todo = []string{TodoUndo}
	case s.Match == Suspected:
		one.State, one.Todo = LifeOpen, []string{TodoConfirm, TodoMatch}
	case s.Match == Unmatched:
		one.Todo = []string{TodoMatch}
	}
	if b.r.Images != nil {
		counts, err := b.r.Images(ctx, b.site, s.Study)
		if err != nil {
			return err
		}
		one.Series = counts
		if len(counts) > 0 { // what is here, not what was sent: some may be split off, deleted, or sent anew
			one.Count = 0
			for _, n := range counts {
				one.Count += n
			}
		}
	}
	b.add(one)
	end := LifeStep{Kind: LifeComplete, State: LifeOpen, Study: s.Study, Count: s.Complete.Instances, Expected: s.Complete.Expected, Reason: s.Complete.Reason}
	switch s.Complete.State {
	case AnnouncedChanged:
		end.Until = s.Complete.At
	case AnnouncedComplete:
		end.State, end.At = LifeDone, s.Complete.At
		if end.Count < end.Expected {
			end.State, end.Todo = LifeMissing, []string{TodoMachine}
		}
	}
	b.add(end)
	return nil
}

// none adds that nothing arrived.
func (b *lifeBuilder) none() {
	if !slices.ContainsFunc(b.life.Orders, func(o LifeOrder) bool { return o.State != Cancelled }) {
		return
	}
	one := LifeStep{Kind: LifeImages, State: LifeOpen}
	if b.said {
		one.State, one.Todo = LifeMissing, []string{TodoMachine}
	}
	b.add(one)
	b.add(LifeStep{Kind: LifeComplete, State: LifeOpen})
}

// reports adds what was written about the orders and the studies, each report once.
func (b *lifeBuilder) reports(ctx context.Context, orders []Order) error {
	one := LifeStep{Kind: LifeReported, State: LifeOpen}
	if b.r.Reports == nil {
		one.State = LifeUnknown
		b.add(one)
		return nil
	}
	asked := slices.Clone(orders)
	for _, s := range b.studies {
		if !slices.ContainsFunc(orders, func(o Order) bool { return o.Study == s.Study }) {
			asked = append(asked, Order{Study: s.Study})
		}
	}
	told := map[string]bool{}
	for _, o := range asked {
		list, err := b.r.Reports.ReportsOf(ctx, b.site, o)
		if err != nil {
			return err
		}
		for _, t := range list {
			if told[t.ID] {
				continue
			}
			told[t.ID] = true
			b.add(LifeStep{Kind: LifeReported, State: LifeDone, At: t.At, By: t.By, Way: t.Way, Order: o.ID, Report: t.ID, Reason: t.Status})
		}
	}
	if len(told) == 0 && !(len(orders) > 0 && !slices.ContainsFunc(orders, func(o Order) bool { return o.State != Cancelled })) {
		b.add(one)
	}
	return nil
}

// ImagesOf counts the objects of a study by modality.
type ImagesOf func(ctx context.Context, site, study string) (map[string]int64, error)
