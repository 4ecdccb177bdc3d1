package dose

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/content"
	"radagora/fault"
)

// A Proposal is what the site's own examinations of a period would make levels of.
// It is a proposal: somebody makes a set of it, and a second person checks that.
type Proposal struct {
	Period
	Rows  []ProposedLevel
	Rooms int     // with enough examinations that a local level needs
	Share float64 // the quantile of the medians of rooms that a local level is
}

// A ProposedLevel is the typical value of the site, or the local level, of one
// examination, indication, size group and measure (ICRP 135).
type ProposedLevel struct {
	Exam       string
	Indication string // that is known, "" if none; assumed ones are in no proposal
	Group      Group
	Measure    Measure
	Unit       string

	Kind     LevelKind // LevelLocal with enough rooms, else LevelTypical; "" with too few examinations
	Value    float64
	Low      float64 // interval of the value from order statistics
	High     float64
	Interval bool
	N        int          // examinations behind it, or sequences
	Enough   int          // that each room needs
	Rooms    []RoomMedian // all, in the order of ids
	Assumed  int          // examinations left out because their indication is assumed
}

// A RoomMedian is the typical value of one room.
type RoomMedian struct {
	Room   string
	N      int
	Median float64
	Counts bool // it has enough examinations
}

// Counted returns how many rooms have enough examinations.
func (x *ProposedLevel) Counted() int {
	n := 0
	for _, r := range x.Rooms {
		if r.Counts {
			n++
		}
	}
	return n
}

// proposing is by what levels are proposed.
type proposing struct {
	share float64
	rooms int
}

// loadProposing reads it from dose/defaults.
func loadProposing(library *content.Library, siteID string) (p proposing, err error) {
	table, err := library.Table(siteID, "dose/defaults", "settings")
	if err != nil {
		return p, err
	}
	for row := range table.All() {
		n, _ := row.Number("value")
		switch row.Text("key") {
		case "dose.local.quantile":
			p.share = n
		case "dose.local.rooms":
			p.rooms = int(n)
		}
	}
	if p.share <= 0 || p.share >= 1 || p.rooms < 1 {
		return p, fault.Errorf(fault.Invalid, "content set dose/defaults has no dose.local.quantile between 0 and 1, or no dose.local.rooms")
	}
	return p, nil
}

// Propose computes typical values and local levels from the examinations of a
// period: the median of each room with enough of them; with enough rooms the local
// level, which is a quantile of these medians, and with fewer the typical value,
// which is the median over all examinations of those rooms.
func (l *Ledger) Propose(ctx context.Context, siteID string, p Period, rooms Rooms) (*Proposal, error) {
	by, err := loadProposing(l.Content, siteID)
	if err != nil {
		return nil, err
	}
	out := &Proposal{Period: p, Rooms: by.rooms, Share: by.share}
	for _, modality := range Modalities() {
		o, err := l.OverviewOf(ctx, siteID, modality, p, rooms, access.Quality)
		if err != nil {
			return nil, err
		}
		for _, subject := range proposals(o) {
			subject.value(o.Settings, by)
			out.Rows = append(out.Rows, subject.ProposedLevel)
		}
	}
	return out, nil
}

// A gathering is a proposal with the values that it is made of.
type gathering struct {
	ProposedLevel
	values map[string][]float64 // by room
}

// proposals gathers what levels could be made of, in the order of the level table.
func proposals(o *Overview) []*gathering {
	at := map[RowKey]*gathering{}
	var order []RowKey
	for _, m := range o.asked() {
		k := m.key
		k.Room, k.KnownBy = "", ""
		g := at[k]
		if g == nil {
			g = &gathering{
				ProposedLevel: ProposedLevel{Exam: k.Exam, Indication: k.Indication, Group: k.Group, Measure: k.Measure, Unit: unitOf(k.Measure), Enough: o.Settings.MinN},
				values:        map[string][]float64{},
			}
			at[k] = g
			order = append(order, k)
		}
		if m.key.KnownBy == KnownByAssumed {
			g.Assumed += len(m.at)
			continue
		}
		g.values[m.key.Room] = append(g.values[m.key.Room], m.values("")...)
	}
	slices.SortFunc(order, compareKeys)
	all := make([]*gathering, len(order))
	for i, k := range order {
		all[i] = at[k]
	}
	return all
}

// value computes the level.
func (g *gathering) value(s Settings, by proposing) {
	var medians, pooled []float64
	rooms := make([]string, 0, len(g.values))
	for room := range g.values {
		rooms = append(rooms, room)
	}
	slices.Sort(rooms)
	for _, room := range rooms {
		d := Describe(g.values[room], s.Coverage)
		m := RoomMedian{Room: room, N: d.N, Median: d.Median, Counts: d.N >= s.MinN}
		g.Rooms = append(g.Rooms, m)
		if m.Counts {
			medians, pooled = append(medians, d.Median), append(pooled, g.values[room]...)
		}
	}
	if g.N = len(pooled); g.N == 0 {
		return
	}
	if len(medians) < by.rooms {
		d := Describe(pooled, s.Coverage)
		g.Kind, g.Value, g.Low, g.High, g.Interval = LevelTypical, d.Median, d.Low, d.High, d.Interval
		return
	}
	slices.Sort(medians)
	g.Kind, g.Value = LevelLocal, Quantile(medians, by.share)
	if low, high := quantileRanks(len(medians), by.share, s.Coverage); low > 0 {
		g.Low, g.High, g.Interval = medians[low-1], medians[high-1], true
	}
}

// quantileRanks returns the ranks of the order statistics of n values between which
// their p-quantile lies with at least the given probability, exact binomial; 0, 0 if
// n is too small for it. Each end may fail with half of the rest.
func quantileRanks(n int, p, coverage float64) (low, high int) {
	tail := (1 - coverage) / 2
	sum := 0.0 // P(X < k) of the number X of values below the quantile
	for k := 0; k <= n; k++ {
		if sum <= tail {
			low = k // the k-th smallest is above the quantile with P(X < k)
		}
		sum += math.Exp(logChoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		if high == 0 && sum >= 1-tail && k < n {
			high = k + 1 // the (k+1)-th smallest is below it with P(X > k)
		}
	}
	if low == 0 || high == 0 {
		return 0, 0
	}
	return low, high
}

// EnterProposal makes a draft of the proposals of s.Kind on behalf of s.TypedBy: a
// second person checks it as any other set. Invalid: nothing of that kind is
// proposed.
func (l *Ledger) EnterProposal(ctx context.Context, p *Proposal, s LevelSet) (LevelSet, []content.Problem, error) {
	rows, err := l.proposed(s.Site, p, s.Kind)
	if err != nil {
		return s, nil, err
	}
	if len(rows.Rows) == 0 {
		return s, nil, fault.Errorf(fault.Invalid, "no level of the kind %s is proposed", shortened(string(s.Kind)))
	}
	s.Official, s.Page, s.Statistic = false, "computed", "typical value"
	s.Source = "own examinations from " + p.From + " to " + p.To
	s.Edition, s.Year = p.From+" to "+p.To, p.To[:min(4, len(p.To))]
	s.Published = l.Now().Format("2006-01-02")
	if s.Kind == LevelLocal {
		s.Statistic = "local level"
	}
	return l.EnterLevels(ctx, s, rows)
}

// proposed makes rows of the proposals of a kind that have a value.
func (l *Ledger) proposed(siteID string, p *Proposal, kind LevelKind) (LevelTable, error) {
	names, err := l.quantityNames(siteID)
	if err != nil {
		return LevelTable{}, err
	}
	var t LevelTable
	for i := range p.Rows {
		x := &p.Rows[i]
		if x.Kind != kind || names[x.Measure] == "" || x.Group.Kind == "unknown" {
			continue
		}
		t.Rows = append(t.Rows, LevelRow{Cells: x.cells(names[x.Measure], p)})
	}
	return t, nil
}

// cells writes a proposal as a row.
func (x *ProposedLevel) cells(quantity string, p *Proposal) map[string]string {
	cells := map[string]string{
		"exam_code": x.Exam, "indication_code": x.Indication, "quantity": quantity, "unit": x.Unit,
		"value": rounded(x.Value), "statistic": "median", "page": "computed", "size_kind": x.Group.Kind,
	}
	if x.Kind == LevelLocal {
		cells["statistic"] = strconv.FormatFloat(p.Share, 'f', -1, 64) + " quantile of the medians of rooms"
	}
	if !x.Group.Adult() {
		cells["size_min"] = rounded(x.Group.Min)
		if x.Group.HasMax {
			cells["size_max"] = rounded(x.Group.Max)
		}
	}
	note := strconv.Itoa(x.N) + " values"
	note += " of " + strconv.Itoa(x.Counted()) + " rooms with at least " + strconv.Itoa(x.Enough)
	if x.Interval {
		note += ", interval " + rounded(x.Low) + " to " + rounded(x.High)
	} else {
		note += ", too few for an interval"
	}
	cells["note"] = note + ", " + p.From + " to " + p.To
	return cells
}

// rounded writes a number with three significant digits.
func rounded(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return "0"
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(math.Round(v*scale)/scale, 'f', -1, 64)
}

// quantityNames returns what a table of levels calls a measure: that of an
// examination or a sequence goes before one that does not say.
func (l *Ledger) quantityNames(siteID string) (map[Measure]string, error) {
	all, err := quantities(l.Content, siteID)
	if err != nil {
		return nil, err
	}
	names := map[Measure]string{}
	list := make([]string, 0, len(all))
	for name := range all {
		list = append(list, name)
	}
	slices.SortFunc(list, strings.Compare)
	for _, name := range list {
		if q := all[name]; names[q.measure] == "" || q.per == "examination" || q.per == "sequence" {
			names[q.measure] = name
		}
	}
	return names, nil
}
