package worklist

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// An Entry is one scheduled step with the order it belongs to; the order has no
// other steps.
type Entry struct {
	Order Order
	Step  Step
}

// A Filter says which entries are asked for. Empty fields ask nothing; all others
// must hold.
type Filter struct {
	From, To string // first and last local day of the start, 2006-01-02
	States   []State
	Modality string
	Station  string // application entity title
	Location string
	Text     string // patient ID, accession number, or the beginning of a word of the name
	Limit    int    // 0 means 500
}

// maxEntries is the most that List returns.
const maxEntries = 2000

// List returns the entries of a site that a filter asks for, by start. What persons
// who want their data restricted have is left out.
func (r *Register) List(ctx context.Context, siteID string, f Filter) ([]Entry, error) {
	if err := access.Check(ctx, access.StepFind, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	s, err := r.Sites.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	w := &where{}
	w.and(`s.site_id = ?`, siteID)
	if err := w.days(f.From, f.To, s.Location()); err != nil {
		return nil, err
	}
	if len(f.States) > 0 {
		w.in(`s.state`, texts(f.States))
	}
	for column, v := range map[string]string{`s.modality`: f.Modality, `s.location`: f.Location} {
		if v != "" {
			w.and(column+` = ?`, v)
		}
	}
	if f.Station != "" {
		w.and(`s.stations like ? escape '!'`, like(`%`+`\`, f.Station, `\%`))
	}
	if text := strings.TrimSpace(f.Text); text != "" {
		name := r.Fold(text)
		w.and(`(o.patient_id = ? or o.accession = ? or o.name_folded like ? escape '!' or o.name_folded like ? escape '!')`,
			text, text, like("", name, "%"), like("%^", name, "%"))
	}
	w.and(`not ` + access.Wished("o.site_id", "o.person", access.Restricted))
	limit := f.Limit
	if limit <= 0 || limit > maxEntries {
		limit = 500
	}
	return db.List(ctx, r.DB, scanEntry, selectEntry+w.String()+fmt.Sprintf(` order by s.start_at, s.order_id, s.number limit %d`, limit), w.args...)
}

// Get returns an order with its steps. NotFound: the site has none of that id.
func (r *Register) Get(ctx context.Context, siteID, id string) (Order, error) {
	if err := access.Check(ctx, access.StepFind, access.Subject{Site: siteID}); err != nil {
		return Order{}, err
	}
	return r.get(ctx, r.DB, siteID, id)
}

// Referral returns whom an order is about, "" for nobody, and the physicians who sent
// them, none if it was cancelled. It is for work in the background: nobody's rights are
// asked. NotFound: there is no such order.
func (r *Register) Referral(ctx context.Context, q db.Querier, siteID, id string) (person string, physicians []string, err error) {
	o, err := r.get(ctx, q, siteID, id)
	if err != nil || o.State == Cancelled {
		return o.Person, nil, err
	}
	for _, s := range []string{o.ReferringPhysician, o.RequestingPhysician} {
		if s != "" {
			physicians = append(physicians, s)
		}
	}
	return o.Person, physicians, nil
}

func (r *Register) get(ctx context.Context, q db.Querier, siteID, id string) (Order, error) {
	list, err := r.orders(ctx, q, `where o.site_id = $1 and o.order_id = $2`, siteID, id)
	if err != nil {
		return Order{}, err
	}
	if len(list) == 0 {
		return Order{}, fault.Errorf(fault.NotFound, "no order %.60q", id)
	}
	return list[0], nil
}

// orders returns whole orders.
func (*Register) orders(ctx context.Context, q db.Querier, where string, args ...any) ([]Order, error) {
	list, err := db.List(ctx, q, scanOrder, selectOrder+where, args...)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Steps, err = db.List(ctx, q, scanStep, selectStep+`where s.order_id = $1 order by s.number`, list[i].ID)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// scanOrder reads a row of selectOrder.
func scanOrder(rows *db.Rows) (o Order, err error) {
	var c orderColumns
	if err := rows.Scan(c.targets()...); err != nil {
		return Order{}, err
	}
	return c.order()
}

// scanStep reads a row of selectStep.
func scanStep(rows *db.Rows) (s Step, err error) {
	var c stepColumns
	var order string
	if err := rows.Scan(append([]any{&order}, c.targets()...)...); err != nil {
		return Step{}, err
	}
	return c.step()
}

// scanEntry reads a row of selectEntry.
func scanEntry(rows *db.Rows) (e Entry, err error) {
	var o orderColumns
	var s stepColumns
	if err := rows.Scan(append(o.targets(), s.targets()...)...); err != nil {
		return Entry{}, err
	}
	if e.Order, err = o.order(); err != nil {
		return Entry{}, err
	}
	e.Step, err = s.step()
	return e, err
}

// orderColumns are what selectOrder selects.
type orderColumns struct {
	id, site, person, state, origin, data, by string
	version, created, changed                 int64
}

func (c *orderColumns) targets() []any {
	return []any{&c.id, &c.site, &c.person, &c.state, &c.origin, &c.data, &c.version, &c.created, &c.changed, &c.by}
}

func (c *orderColumns) order() (o Order, err error) {
	if err := json.Unmarshal([]byte(c.data), &o); err != nil {
		return Order{}, fault.Errorf(fault.Internal, "data of order %s", c.id)
	}
	o.ID, o.Site, o.Person, o.State, o.Origin, o.Version = c.id, c.site, c.person, State(c.state), Origin(c.origin), c.version
	o.CreatedAt, o.ChangedAt, o.ChangedBy = db.FromMillis(c.created), db.FromMillis(c.changed), c.by
	o.Steps = nil
	return o, nil
}

// stepColumns are what selectStep selects of a step.
type stepColumns struct {
	key, state, data string
	start            int64
}

func (c *stepColumns) targets() []any { return []any{&c.key, &c.state, &c.start, &c.data} }

func (c *stepColumns) step() (s Step, err error) {
	if err := json.Unmarshal([]byte(c.data), &s); err != nil {
		return Step{}, fault.Errorf(fault.Internal, "data of step %s", c.key)
	}
	s.Key, s.State, s.StartAt = c.key, State(c.state), db.FromMillis(c.start)
	return s, nil
}

// A where is a condition with its arguments.
type where struct {
	terms []string
	args  []any
}

// and adds a term, with a question mark for each argument.
func (w *where) and(term string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		term = strings.Replace(term, "?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.terms = append(w.terms, term)
}

// in asks for one of several values.
func (w *where) in(column string, values []string) {
	w.and(column+` in (`+strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")+`)`, anys(values)...)
}

// days asks for a start between two days at the site.
func (w *where) days(from, to string, zone *time.Location) error {
	for _, d := range []struct {
		day, term string
		add       int
	}{{from, `s.start_at >= ?`, 0}, {to, `s.start_at < ?`, 1}} {
		if d.day == "" {
			continue
		}
		t, err := time.ParseInLocation(time.DateOnly, d.day, zone)
		if err != nil {
			return fault.Errorf(fault.Invalid, "write days as YYYY-MM-DD")
		}
		w.and(d.term, db.Millis(t.AddDate(0, 0, d.add)))
	}
	return nil
}

func (w *where) String() string { return "where " + strings.Join(w.terms, " and ") }

// like writes a text into a pattern of SQL.
func like(before, text, after string) string {
	return before + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + after
}

// texts returns the words of states.
func texts(list []State) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = string(s)
	}
	return all
}

func anys(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// Counted is how many steps of a day are in which state.
func Counted(list []Entry) map[State]int {
	n := map[State]int{}
	for _, e := range list {
		n[e.Step.State]++
	}
	return n
}

// Places returns the stations, modalities and locations that occur in entries, each
// once and in order.
func Places(list []Entry) (stations, modalities, locations []string) {
	for _, e := range list {
		stations = append(stations, e.Step.Stations...)
		modalities = append(modalities, e.Step.Modality)
		locations = append(locations, e.Step.Location)
	}
	for _, l := range []*[]string{&stations, &modalities, &locations} {
		slices.Sort(*l)
		*l = slices.DeleteFunc(slices.Compact(*l), func(s string) bool { return s == "" })
	}
	return stations, modalities, locations
}

// Numbers are what other systems call an order, or whose it is. What is empty asks
// nothing.
type Numbers struct {
	Placer, Filler, Accession string
	Person                    string // as the journal and the other rooms name the patient: orders that are active
}

// Numbered returns the orders of a site that have one of the numbers, those that are
// cancelled too.
func (r *Register) Numbered(ctx context.Context, siteID string, n Numbers) ([]Order, error) {
	if err := access.Check(ctx, access.StepFind, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	// Each part names the condition of its index, or none would be used.
	return r.orders(ctx, r.DB, `where o.order_id in (
		select order_id from worklist_order where site_id = $1 and placer = $2 and placer <> ''
		union select order_id from worklist_order where site_id = $1 and filler = $3 and filler <> ''
		union select order_id from worklist_order where site_id = $1 and accession = $4 and accession <> ''
		union select order_id from worklist_order where site_id = $1 and person = $5 and person <> '' and state = 'active') order by o.order_id`,
		siteID, n.Placer, n.Filler, n.Accession, n.Person)
}
