package reject

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/site"
)

// Counts are exposures of logs.
type Counts struct {
	Accepted, Rejected int
	Tests              int // images of tests, in neither of them
}

// All returns how many exposures a rate is of.
func (c Counts) All() int { return c.Accepted + c.Rejected }

// Rate returns rejected of all, 0 to 1; false if the log tells of no accepted exposure, so
// that nobody knows of how many.
func (c Counts) Rate() (float64, bool) {
	if c.Accepted == 0 {
		return 0, false
	}
	return float64(c.Rejected) / float64(c.All()), true
}

// Interval returns the interval of a rate with this coverage, 0 to 1 (Wilson 1927).
func (c Counts) Interval(coverage float64) (low, high float64) {
	n := float64(c.All())
	if n == 0 {
		return 0, 1
	}
	z := math.Sqrt2 * math.Erfinv(coverage)
	p := float64(c.Rejected) / n
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (middle-half)/(1+z*z/n)), min(1, (middle+half)/(1+z*z/n))
}

// add adds counts.
func (c *Counts) add(o Counts) {
	c.Accepted, c.Rejected, c.Tests = c.Accepted+o.Accepted, c.Rejected+o.Rejected, c.Tests+o.Tests
}

// A Board is what the logs of a period say.
type Board struct {
	dose.Period
	Settings
	Rooms   []RoomRate // those with a log, by name
	Views   []ViewRate // those with most rejects first
	Causes  []Cause    // likewise
	Unknown []Word     // reasons of logs of which nobody said what they mean, those with most exposures first
	Repeats []Repeat   // by room, from dose reports alone
}

// A RoomRate is what the logs of a room say.
type RoomRate struct {
	Room, Name string
	Counts
	Months []MonthRate // of the period until its last, those with a log or images
	Images int         // of those months, in the archive
	Logged int         // months with a log
}

// A MonthRate is a month of a room.
type MonthRate struct {
	Month string // 2006-01
	Counts
	Log    bool
	Images int // in the archive
}

// share returns accepted exposures of images, and whether both are known.
func share(accepted, images int) (float64, bool) {
	if images == 0 {
		return 0, false
	}
	return float64(accepted) / float64(images), true
}

// Complete returns the share of the images of the archive that the logs tell of as
// accepted; false if the archive has none.
func (r *RoomRate) Complete() (float64, bool) { return share(r.Accepted, r.Images) }

// Complete returns the same of a month.
func (m *MonthRate) Complete() (float64, bool) { return share(m.Accepted, m.Images) }

// Incomplete reports whether the logs of a room tell of too few images, or nobody can say.
func (s Settings) Incomplete(complete float64, known bool) bool {
	return !known || complete < s.Completeness
}

// A ViewRate is an examination or view of a room, as its log calls it.
type ViewRate struct {
	Room, Name, Exam, View string
	Counts
}

// A Cause is a reason with the exposures rejected for it in a room.
type Cause struct {
	Room, Name, Code string // Unmapped: of texts of which nobody said what they mean
	N                int
}

// A Word is what a vendor's logs write as a reason.
type Word struct {
	Vendor, Text string
	Code         string // "" if nobody said what it means
	By           string
	Rejected     int
	Accepted     int
}

// A Repeat is what dose reports of a room say of repeats.
type Repeat struct {
	Room, Name string
	Told       int // events whose report says whether they repeat another
	Repeated   int // of them, those that do
}

// A Filter chooses among the exposures of logs; "" chooses all.
type Filter struct {
	Room  string
	Exam  string // as the log calls it
	Month string // 2006-01
}

// A tally is how many exposures of a log are alike.
type tally struct {
	vendor, machine, month, exam, view, reason string
	rejected                                   bool
	n                                          int
}

// tallies counts what is alike.
func (d *Desk) tallies(ctx context.Context, siteID string, p dose.Period) ([]tally, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (t tally, err error) {
		return t, r.Scan(&t.vendor, &t.machine, &t.month, &t.exam, &t.view, &t.reason, &t.rejected, &t.n)
	}, `select b.vendor, r.machine_id, substr(r.day, 1, 7), r.exam, r.view, r.reason, r.rejected, count(*)
		from dose_reject_row r join dose_reject_batch b on b.batch_id = r.batch_id
		where r.site_id = $1 and r.day between $2 and $3
		group by b.vendor, r.machine_id, substr(r.day, 1, 7), r.exam, r.view, r.reason, r.rejected`, siteID, p.From, p.To)
}

// Board computes what the logs of a period say.
func (d *Desk) Board(ctx context.Context, siteID string, p dose.Period, f Filter) (*Board, error) {
	m, err := d.meaning(ctx, siteID)
	if err != nil {
		return nil, err
	}
	b := &Board{Period: p}
	if b.Settings, err = d.Settings(siteID); err != nil {
		return nil, err
	}
	plan, err := d.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	all, err := d.tallies(ctx, siteID, p)
	if err != nil {
		return nil, err
	}
	g := newGathered(plan)
	for _, t := range all {
		g.add(t, m, f)
	}
	if d.Archive != nil {
		images, err := d.Archive.ImageMonths(ctx, siteID, p)
		if err != nil {
			return nil, err
		}
		g.images(images, f)
	}
	g.into(b)
	b.Repeats, err = d.repeats(ctx, siteID, p, plan, f)
	return b, err
}

// gathered are counts while they are added up.
type gathered struct {
	plan   *site.Plan
	rooms  map[string]*RoomRate
	months map[[2]string]*MonthRate
	views  map[[3]string]*ViewRate
	causes map[[2]string]*Cause
	words  map[[2]string]*Word
}

func newGathered(plan *site.Plan) *gathered {
	return &gathered{plan, map[string]*RoomRate{}, map[[2]string]*MonthRate{}, map[[3]string]*ViewRate{}, map[[2]string]*Cause{}, map[[2]string]*Word{}}
}

// room returns the room of a machine: its id and name.
func (g *gathered) room(machine string) (id, name string) {
	if room, ok := g.plan.RoomOf(machine); ok {
		return room.ID, room.Name
	}
	return machine, machine
}

// add adds exposures that are alike.
func (g *gathered) add(t tally, m meanings, f Filter) {
	room, name := g.room(t.machine)
	code := m.of(t.vendor, t.reason)
	if f.Room != "" && room != f.Room || f.Exam != "" && t.exam != f.Exam || f.Month != "" && t.month != f.Month {
		return
	}
	var c Counts
	switch {
	case !m.counts(code):
		c.Tests = t.n
	case t.rejected:
		c.Rejected = t.n
	default:
		c.Accepted = t.n
	}
	if t.reason != "" && code == Unmapped {
		g.word(t)
	}
	add(g.rooms, room, func() *RoomRate { return &RoomRate{Room: room, Name: name} }).add(c)
	month := add(g.months, [2]string{room, t.month}, func() *MonthRate { return &MonthRate{Month: t.month, Log: true} })
	month.add(c)
	add(g.views, [3]string{room, t.exam, t.view}, func() *ViewRate { return &ViewRate{Room: room, Name: name, Exam: t.exam, View: t.view} }).add(c)
	if c.Rejected > 0 {
		add(g.causes, [2]string{room, code}, func() *Cause { return &Cause{Room: room, Name: name, Code: code} }).N += c.Rejected
	}
}

// word notes a reason of which nobody said what it means.
func (g *gathered) word(t tally) {
	w := add(g.words, [2]string{t.vendor, fold(t.reason)}, func() *Word { return &Word{Vendor: t.vendor, Text: t.reason} })
	if t.rejected {
		w.Rejected += t.n
	} else {
		w.Accepted += t.n
	}
}

// add returns what a key stands for, made if it is not there.
func add[K comparable, V any](all map[K]*V, key K, made func() *V) *V {
	if all[key] == nil {
		all[key] = made()
	}
	return all[key]
}

// images puts the images of the archive beside the logs of the rooms that have one.
func (g *gathered) images(all []ImageMonth, f Filter) {
	for _, x := range all {
		room, _ := g.room(x.Machine)
		if g.rooms[room] == nil || f.Month != "" && x.Month != f.Month || f.Exam != "" {
			continue
		}
		add(g.months, [2]string{room, x.Month}, func() *MonthRate { return &MonthRate{Month: x.Month} }).Images += x.Images
		g.rooms[room].Images += x.Images
	}
}

// into writes what was gathered, in order.
func (g *gathered) into(b *Board) {
	for key, m := range g.months {
		r := g.rooms[key[0]]
		r.Months = append(r.Months, *m)
		if m.Log {
			r.Logged++
		}
	}
	for _, r := range g.rooms {
		slices.SortFunc(r.Months, func(x, y MonthRate) int { return cmp.Compare(x.Month, y.Month) })
		b.Rooms = append(b.Rooms, *r)
	}
	slices.SortFunc(b.Rooms, func(x, y RoomRate) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Room, y.Room)) })
	for _, v := range g.views {
		b.Views = append(b.Views, *v)
	}
	slices.SortFunc(b.Views, func(x, y ViewRate) int {
		return cmp.Or(cmp.Compare(y.Rejected, x.Rejected), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Exam, y.Exam), cmp.Compare(x.View, y.View))
	})
	for _, c := range g.causes {
		b.Causes = append(b.Causes, *c)
	}
	slices.SortFunc(b.Causes, func(x, y Cause) int {
		return cmp.Or(cmp.Compare(y.N, x.N), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Code, y.Code))
	})
	for _, w := range g.words {
		b.Unknown = append(b.Unknown, *w)
	}
	slices.SortFunc(b.Unknown, func(x, y Word) int {
		return cmp.Or(cmp.Compare(y.Rejected+y.Accepted, x.Rejected+x.Accepted), cmp.Compare(x.Vendor, y.Vendor), cmp.Compare(x.Text, y.Text))
	})
}

// repeats counts what dose reports say of repeats.
func (d *Desk) repeats(ctx context.Context, siteID string, p dose.Period, plan *site.Plan, f Filter) ([]Repeat, error) {
	if f.Exam != "" {
		return nil, nil
	}
	rooms := map[string]*Repeat{}
	g := newGathered(plan)
	_, err := db.List(ctx, d.DB, func(r *db.Rows) (struct{}, error) {
		var machine, month string
		var n int
		var said float64
		if err := r.Scan(&machine, &month, &n, &said); err != nil {
			return struct{}{}, err
		}
		room, name := g.room(machine)
		if f.Room != "" && room != f.Room || f.Month != "" && month != f.Month {
			return struct{}{}, nil
		}
		x := add(rooms, room, func() *Repeat { return &Repeat{Room: room, Name: name} })
		x.Told, x.Repeated = x.Told+n, x.Repeated+int(said)
		return struct{}{}, nil
	}, `select s.machine_id, substr(s.day, 1, 7), count(*), sum(a.value) from dose_event_amount a
		join dose_study s on s.site_id = a.site_id and s.study_uid = a.study_uid
		where a.site_id = $1 and a.quantity = $2 and s.day between $3 and $4 group by s.machine_id, substr(s.day, 1, 7)`,
		siteID, string(dose.QuantityRepeated), p.From, p.To)
	var all []Repeat
	for _, x := range rooms {
		all = append(all, *x)
	}
	slices.SortFunc(all, func(x, y Repeat) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Room, y.Room)) })
	return all, err
}

// meanings say what the reasons of logs mean.
type meanings struct {
	reasons map[string]Reason    // by code
	labels  map[string]string    // folded label or code, to code
	said    map[[2]string]string // by vendor and folded text, to code
}

// meaning loads them.
func (d *Desk) meaning(ctx context.Context, siteID string) (m meanings, err error) {
	all, err := d.Reasons(siteID)
	if err != nil {
		return m, err
	}
	m = meanings{map[string]Reason{}, map[string]string{}, map[[2]string]string{}}
	for _, r := range all {
		m.reasons[r.Code] = r
		m.labels[fold(r.Code)] = r.Code
		for _, label := range r.Labels {
			m.labels[fold(label)] = r.Code
		}
	}
	words, err := d.Words(ctx, siteID)
	for _, w := range words {
		m.said[[2]string{w.Vendor, fold(w.Text)}] = w.Code
	}
	return m, err
}

// of returns the code of a reason as a log writes it: what somebody said, or else what the
// content calls so.
func (m meanings) of(vendor, text string) string {
	folded := fold(text)
	switch code, said := m.said[[2]string{vendor, folded}]; {
	case said:
		return code
	case folded == "":
		return NotStated
	}
	return m.labels[folded]
}

// counts reports whether exposures of a reason are in a rate.
func (m meanings) counts(code string) bool {
	r, known := m.reasons[code]
	return !known || r.Counts
}

// Words returns what somebody said the reasons of logs mean.
func (d *Desk) Words(ctx context.Context, siteID string) ([]Word, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (w Word, err error) { return w, r.Scan(&w.Vendor, &w.Text, &w.Code, &w.By) },
		`select vendor, shown, reason_code, done_by from dose_reject_reason where site_id = $1 order by vendor, folded`, siteID)
}

// Say notes what a vendor's logs mean by a reason; with "" as the code nobody said it any
// more. It holds for logs that are there already too. Invalid: no such reason.
func (d *Desk) Say(ctx context.Context, siteID, by, vendor, text, code string) error {
	all, err := d.Reasons(siteID)
	if err != nil {
		return err
	}
	if code != "" && !slices.ContainsFunc(all, func(r Reason) bool { return r.Code == code }) {
		return fault.Errorf(fault.Invalid, "the content set dose/reject has no such reason: choose one of its codes")
	}
	if fold(text) == "" || len(text) > maxText || strings.TrimSpace(vendor) == "" || len(vendor) > maxText {
		return fault.Errorf(fault.Invalid, "name the vendor, and the reason as its log writes it, in at most %d bytes", maxText)
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from dose_reject_reason where site_id = $1 and vendor = $2 and folded = $3`, siteID, vendor, fold(text)); err != nil {
			return err
		}
		if code != "" {
			_, err := tx.Exec(ctx, `insert into dose_reject_reason (site_id, vendor, folded, shown, reason_code, done_by, done_at) values ($1, $2, $3, $4, $5, $6, $7)`,
				siteID, vendor, fold(text), strings.TrimSpace(text), code, by, db.Millis(d.Now()))
			if err != nil {
				return err
			}
		}
		return d.journalled(ctx, tx, siteID, by, "dose.reject.reason", vendor, map[string]any{"vendor": vendor, "reason": code})
	})
}

// period returns the days of a window, of which the end is not one.
func period(from, until time.Time) dose.Period {
	return dose.Period{From: from.Format(time.DateOnly), To: until.AddDate(0, 0, -1).Format(time.DateOnly)}
}
