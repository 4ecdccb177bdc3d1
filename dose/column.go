package dose

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"

	"radagora/db"
)

// A block is the examinations of a modality in a month as statistics see them, column
// by column, the latest first. Nothing in it changes once it is loaded, so that many
// may read it at once; it holds few pointers, so that a million examinations cost the
// garbage collector nothing.
type block struct {
	month, version string
	n              int

	study, started                      textColumn
	key, day, machine, exam, indication wordColumn
	knownBy, assignedBy, name, excluded wordColumn
	weightSource, weightOrigin          wordColumn
	age, events                         []int32   // age in months, below zero if unknown
	weight, dlp                         []float64 // NaN if unknown
	weightAt                            []int64   // Unix milliseconds, noTime if unknown
	class                               []uint8   // 0, or one more than the place among classes; nil in CT
	calculated                          map[int32]bool
	factors                             map[int32]map[Quantity]Factor
	ctdivol                             numberColumn // of single sequences
	amounts                             numberColumn // of examinations, by quantity
	each                                numberColumn // of single events, by measure
}

// noTime is when nobody knows when.
const noTime = math.MinInt64

// texts are many textColumn in one.
type textColumn struct {
	all string
	at  []uint32 // where each begins, and the end of the last
}

func (t *textColumn) of(n int) string { return t.all[t.at[n]:t.at[n+1]] }

// coded are textColumn of which many are the same.
type wordColumn struct {
	words []string
	codes []uint32
}

func (c *wordColumn) of(n int) string { return c.words[c.codes[n]] }

// A numberColumn is numbers of examinations, each with what it is of.
type numberColumn struct {
	names  []string
	at     []uint32 // where those of each examination begin, and the end of the last
	name   []uint8  // nil if there is but one
	values []float64
}

// of returns the numbers of an examination by the place of their name; nil: of any.
func (l *numberColumn) span(n int) (from, to int) {
	if l.at == nil {
		return 0, 0
	}
	return int(l.at[n]), int(l.at[n+1])
}

// code returns the place of a name, -1 if nothing bears it.
func (l *numberColumn) code(name string) int { return slices.Index(l.names, name) }

// appendTo appends the numbers of an examination that bear a name.
func (l *numberColumn) appendTo(values []float64, n, code int) []float64 {
	if code < 0 {
		return values
	}
	from, to := l.span(n)
	for k := from; k < to; k++ {
		if int(l.name[k]) == code {
			values = append(values, l.values[k])
		}
	}
	return values
}

// size is about how many bytes the block takes.
func (b *block) size() int64 {
	words := 0
	for _, c := range []*wordColumn{&b.key, &b.day, &b.machine, &b.exam, &b.indication, &b.knownBy, &b.assignedBy, &b.name, &b.excluded, &b.weightSource, &b.weightOrigin} {
		for _, w := range c.words {
			words += len(w) + 16
		}
		words += 4 * len(c.codes)
	}
	for _, l := range []*numberColumn{&b.ctdivol, &b.amounts, &b.each} {
		words += 4*len(l.at) + 9*len(l.values)
	}
	return int64(len(b.study.all) + len(b.started.all) + words + b.n*(4+4+4+4+8+8+8+1) + 200*len(b.factors) + 16*len(b.calculated) + 1024)
}

// item makes the examination at a blockKey, as it was reported.
func (b *block) item(n int) *Item {
	i := &Item{
		Study: b.study.of(n), Key: b.key.of(n), Day: b.day.of(n), Started: b.started.of(n), Machine: b.machine.of(n),
		Exam: b.exam.of(n), Indication: b.indication.of(n), KnownBy: KnownBy(b.knownBy.of(n)), AssignedBy: b.assignedBy.of(n),
		Name: b.name.of(n), Excluded: b.excluded.of(n), Events: int(b.events[n]), Calculated: b.calculated[int32(n)], //nolint:gosec // a month has fewer
		WeightFrom: WeightFrom{Source: b.weightSource.of(n), Origin: b.weightOrigin.of(n)},
	}
	if v := int64(b.age[n]); v >= 0 {
		i.AgeMonths = &v
	}
	if v := b.weight[n]; !math.IsNaN(v) {
		i.Weight = &v
	}
	if v := b.weightAt[n]; v != noTime {
		i.WeightFrom.At = &v
	}
	if v := b.dlp[n]; !math.IsNaN(v) {
		i.DLP = &v
	}
	if b.class != nil && b.class[n] > 0 {
		i.Class = classes[b.class[n]-1]
	}
	if from, to := b.ctdivol.span(n); to > from {
		i.CTDIvol = slices.Clone(b.ctdivol.values[from:to])
	}
	if from, to := b.amounts.span(n); to > from {
		i.Amounts = make(map[Quantity]float64, to-from)
		for k := from; k < to; k++ {
			i.Amounts[Quantity(b.amounts.names[b.amounts.name[k]])] = b.amounts.values[k]
		}
	}
	if from, to := b.each.span(n); to > from {
		i.Each = map[Measure][]float64{}
		for k := from; k < to; k++ {
			m := Measure(b.each.names[b.each.name[k]])
			i.Each[m] = append(i.Each[m], b.each.values[k])
		}
	}
	if f := b.factors[int32(n)]; f != nil { //nolint:gosec // as above
		i.Factors = f
	}
	return i
}

// A memory keeps blocks: those last asked for, as many as there is room for. The zero
// memory is empty.
type memory struct {
	mu     sync.Mutex
	blocks map[blockKey]*kept
	bytes  int64
	clock  int64
	one    map[[2]string]*sync.Mutex // who loads, by site and modality
}

// A blockKey is which block.
type blockKey struct{ site, modality, month string }

type kept struct {
	*block
	bytes, asked int64
}

// memoryBound is how many bytes of blocks are kept at most, besides those in use.
const memoryBound = 256 << 20

// get returns the block of that version, nil if it is not there.
func (m *memory) get(p blockKey, version string) *block {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.blocks[p]
	if k == nil || k.version != version {
		return nil
	}
	m.clock++
	k.asked = m.clock
	return k.block
}

// put keeps a block, and forgets those that nobody asked for the longest.
func (m *memory) put(p blockKey, b *block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blocks == nil {
		m.blocks = map[blockKey]*kept{}
	}
	if old := m.blocks[p]; old != nil {
		m.bytes -= old.bytes
	}
	m.clock++
	m.blocks[p] = &kept{b, b.size(), m.clock}
	m.bytes += m.blocks[p].bytes
	for m.bytes > memoryBound && len(m.blocks) > 1 {
		var oldest blockKey
		first := int64(math.MaxInt64)
		for q, k := range m.blocks {
			if k.asked < first {
				oldest, first = q, k.asked
			}
		}
		m.bytes -= m.blocks[oldest].bytes
		delete(m.blocks, oldest)
	}
}

// loading returns who may load blocks of a site and modality: one at a time, so that
// two who ask for the same read it once.
func (m *memory) loading(site, modality string) *sync.Mutex {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.one == nil {
		m.one = map[[2]string]*sync.Mutex{}
	}
	k := [2]string{site, modality}
	if m.one[k] == nil {
		m.one[k] = &sync.Mutex{}
	}
	return m.one[k]
}

// stamp notes that examinations of a study are there or not: what is kept of their
// months counts no more.
func stamp(ctx context.Context, tx *db.Tx, siteID, study string) error {
	_, err := tx.Exec(ctx, `insert into dose_month (site_id, modality, month, version)
		select distinct site_id, modality, substr(day, 1, 7), cast($3 as text) from dose_examination where site_id = $1 and study_uid = $2
		on conflict (site_id, modality, month) do update set version = excluded.version`, siteID, study, db.NewID())
	return err
}

// blocks returns the examinations of a modality in the months of a period, the latest
// month first.
func (l *Ledger) blocks(ctx context.Context, tx *db.Tx, siteID, modality string, p Period) ([]*block, error) {
	type version struct{ month, version string }
	list, err := db.List(ctx, tx, func(r *db.Rows) (v version, err error) { return v, r.Scan(&v.month, &v.version) },
		`select month, version from dose_month where site_id = $1 and modality = $2 and month between $3 and $4`,
		siteID, modality, monthOf(p.From), monthOf(p.To))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b version) int { return strings.Compare(b.month, a.month) })
	all := make([]*block, len(list))
	missing := func() (n int) {
		for i, v := range list {
			if all[i] == nil {
				if all[i] = l.kept.get(blockKey{siteID, modality, v.month}, v.version); all[i] == nil {
					n++
				}
			}
		}
		return n
	}
	if missing() == 0 {
		return all, nil
	}
	one := l.kept.loading(siteID, modality)
	one.Lock()
	defer one.Unlock()
	missing()
	for i := 0; i < len(list); i++ {
		if all[i] != nil {
			continue
		}
		last := i
		for last+1 < len(list) && all[last+1] == nil && last-i < monthsAtOnce-1 {
			last++
		}
		var b []*block
		for _, v := range list[i : last+1] {
			b = append(b, &block{month: v.month, version: v.version})
		}
		if err := loadBlocks(ctx, tx, siteID, modality, b); err != nil {
			return nil, err
		}
		for k := range b {
			all[i+k] = b[k]
			l.kept.put(blockKey{siteID, modality, b[k].month}, b[k])
		}
		i = last
	}
	return all, nil
}

// monthsAtOnce is how many months are read with one question.
const monthsAtOnce = 3

// monthOf returns the month of a day, "" of none.
func monthOf(day string) string { return day[:min(len(day), len("2006-01"))] }

// daysOf returns the first and the last day that there may be in months.
func daysOf(first, last string) (from, to string) {
	if first != "" {
		from = first + "-00"
	}
	if last != "" {
		to = last + "-99"
	}
	return from, to
}

// loadBlocks reads blocks of months that follow each other, the latest first.
func loadBlocks(ctx context.Context, tx *db.Tx, siteID, modality string, all []*block) error {
	from, to := daysOf(all[len(all)-1].month, all[0].month)
	makers := make([]*blockMaker, len(all))
	at := map[string]*blockMaker{}
	for i, b := range all {
		makers[i] = newBlockMaker(b)
		at[b.month] = makers[i]
	}
	spots := map[[2]string]spot{}
	var x struct {
		study, key, day, started, machine, exam, indication, known, assigned, name, excluded, source, origin string
		age, measured                                                                                        *int64
		weight, dlp                                                                                          *float64
		events                                                                                               int64
	}
	err := eachRow(ctx, tx, func(r *db.Rows) error {
		if err := r.Scan(&x.study, &x.key, &x.day, &x.started, &x.machine, &x.exam, &x.indication, &x.known,
			&x.assigned, &x.name, &x.age, &x.weight, &x.events, &x.dlp, &x.excluded, &x.source, &x.origin, &x.measured); err != nil {
			return err
		}
		m := at[monthOf(x.day)]
		if m == nil {
			return nil
		}
		spots[[2]string{x.study, x.key}] = spot{m, int32(m.b.n)} //nolint:gosec // as above
		m.study.add(x.study)
		m.started.add(x.started)
		for i, text := range []string{x.key, x.day, x.machine, x.exam, x.indication, x.known, x.assigned, x.name, x.excluded, x.source, x.origin} {
			m.coded[i].add(text)
		}
		b := m.b
		b.age = append(b.age, bounded(x.age))
		b.events = append(b.events, int32(min(x.events, math.MaxInt32))) //nolint:gosec // bounded
		b.weight, b.dlp = append(b.weight, orNaN(x.weight)), append(b.dlp, orNaN(x.dlp))
		when := int64(noTime)
		if x.measured != nil {
			when = *x.measured
		}
		b.weightAt = append(b.weightAt, when)
		b.n++
		return nil
	}, `select x.study_uid, x.examination, x.day, x.started, x.machine_id, x.exam_code, x.indication, x.known_by,
		x.assigned_by, x.name, x.age_months, x.weight_kg, x.events, x.dlp_mgycm, x.excluded,
		x.weight_source, x.weight_origin, x.weight_at
		from dose_examination x where x.site_id = $1 and x.modality = $2 and x.day between $3 and $4
		order by x.day desc, x.started desc, x.study_uid, x.examination`, siteID, modality, from, to)
	if err != nil {
		return err
	}
	if err := loadCalculated(ctx, tx, siteID, from, to, spots); err != nil {
		return err
	}
	if err := loadFactors(ctx, tx, siteID, from, to, spots); err != nil {
		return err
	}
	if modality == "CT" {
		err = loadSequences(ctx, tx, siteID, from, to, spots)
	} else {
		err = loadAmountsOf(ctx, tx, siteID, modality, from, to, spots)
	}
	if err != nil {
		return err
	}
	for _, m := range makers {
		m.finish(modality)
	}
	return nil
}

// bounded returns an age, below zero if it is unknown.
func bounded(age *int64) int32 {
	if age == nil || *age < 0 {
		return -1
	}
	return int32(min(*age, math.MaxInt32))
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// eachRow reads the rows of a question one after the other.
func eachRow(ctx context.Context, tx *db.Tx, each func(*db.Rows) error, query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A blockMaker fills a block.
type blockMaker struct {
	b              *block
	study, started textMaker
	coded          [11]wordMaker
	lists          [3]map[int32][]numbered // ctdivol, amounts, each
	class          map[int32]Class
}

// A numbered is one number of an examination.
type numbered struct {
	name    string
	ordinal int64
	value   float64
}

// A spot is where an examination stands.
type spot struct {
	m *blockMaker
	n int32
}

func newBlockMaker(b *block) *blockMaker {
	m := &blockMaker{b: b, class: map[int32]Class{}}
	for i := range m.lists {
		m.lists[i] = map[int32][]numbered{}
	}
	return m
}

type textMaker struct {
	all strings.Builder
	at  []uint32
}

func (t *textMaker) add(s string) {
	t.at = append(t.at, uint32(t.all.Len())) //nolint:gosec // a month has less than 4 GB of names
	t.all.WriteString(s)
}

func (t *textMaker) done() textColumn {
	return textColumn{t.all.String(), slices.Clip(append(t.at, uint32(t.all.Len())))} //nolint:gosec // as above
}

type wordMaker struct {
	codes map[string]uint32
	wordColumn
}

func (c *wordMaker) add(s string) {
	code, ok := c.codes[s]
	if !ok {
		if c.codes == nil {
			c.codes = map[string]uint32{}
		}
		s = strings.Clone(s)
		code = uint32(len(c.words)) //nolint:gosec // there are not more than rows
		c.codes[s] = code
		c.words = append(c.words, s)
	}
	c.wordColumn.codes = append(c.wordColumn.codes, code)
}

// finish makes the block of what was read.
func (m *blockMaker) finish(modality string) {
	b := m.b
	b.study, b.started = m.study.done(), m.started.done()
	for i, c := range []*wordColumn{&b.key, &b.day, &b.machine, &b.exam, &b.indication, &b.knownBy, &b.assignedBy, &b.name, &b.excluded, &b.weightSource, &b.weightOrigin} {
		*c = m.coded[i].wordColumn
		c.codes = slices.Clip(c.codes)
	}
	for i, l := range []*numberColumn{&b.ctdivol, &b.amounts, &b.each} {
		*l = list(m.lists[i], b.n)
	}
	if modality != "CT" {
		b.class = make([]uint8, b.n)
		for n, c := range m.class {
			b.class[n] = uint8(slices.Index(classes, c) + 1) //nolint:gosec // the classes are few
		}
	}
}

// list puts numbers into columns, those of an examination in their order.
func list(all map[int32][]numbered, n int) numberColumn {
	if len(all) == 0 {
		return numberColumn{}
	}
	l := numberColumn{at: make([]uint32, n+1)}
	codes := map[string]uint8{}
	for i := range n {
		l.at[i] = uint32(len(l.values)) //nolint:gosec // there are not more than rows
		own := all[int32(i)]
		slices.SortStableFunc(own, func(a, b numbered) int { return int(a.ordinal - b.ordinal) })
		for _, x := range own {
			code, ok := codes[x.name]
			if !ok {
				code = uint8(len(l.names)) //nolint:gosec // quantities are few
				codes[x.name] = code
				l.names = append(l.names, x.name)
			}
			l.name, l.values = append(l.name, code), append(l.values, x.value)
		}
	}
	l.at[n] = uint32(len(l.values)) //nolint:gosec // there are not more than rows
	l.name, l.values = slices.Clip(l.name), slices.Clip(l.values)
	return l
}

// loadCalculated marks the examinations that have values nobody measured.
func loadCalculated(ctx context.Context, tx *db.Tx, siteID, from, to string, at map[[2]string]spot) error {
	return eachRow(ctx, tx, func(r *db.Rows) error {
		var key [2]string
		if err := r.Scan(&key[0], &key[1]); err != nil {
			return err
		}
		if s, ok := at[key]; ok {
			if s.m.b.calculated == nil {
				s.m.b.calculated = map[int32]bool{}
			}
			s.m.b.calculated[s.n] = true
		}
		return nil
	}, `select study_uid, examination from dose_amount where site_id = $1 and day between $2 and $3
		and method in ('tube_output', 'table_value')`, siteID, from, to)
}

// loadFactors loads what calibrations make of amounts.
func loadFactors(ctx context.Context, tx *db.Tx, siteID, from, to string, at map[[2]string]spot) error {
	return eachRow(ctx, tx, func(r *db.Rows) error {
		var key [2]string
		var name Quantity
		var found Factor
		if err := r.Scan(&key[0], &key[1], &name, &found.Value, &found.Factor, &found.Calibration); err != nil {
			return err
		}
		s, ok := at[key]
		if !ok {
			return nil
		}
		b := s.m.b
		if b.factors == nil {
			b.factors = map[int32]map[Quantity]Factor{}
		}
		if b.factors[s.n] == nil {
			b.factors[s.n] = map[Quantity]Factor{}
		}
		b.factors[s.n][name] = found
		return nil
	}, `select study_uid, examination, quantity, corrected, factor, calibration_id from dose_amount
		where site_id = $1 and day between $2 and $3 and corrected is not null`, siteID, from, to)
}

// loadSequences loads CTDIvol of the diagnostic sequences.
func loadSequences(ctx context.Context, tx *db.Tx, siteID, from, to string, at map[[2]string]spot) error {
	return eachRow(ctx, tx, func(r *db.Rows) error {
		var key [2]string
		var x numbered
		if err := r.Scan(&key[0], &key[1], &x.ordinal, &x.value); err != nil {
			return err
		}
		if s, ok := at[key]; ok {
			s.m.lists[0][s.n] = append(s.m.lists[0][s.n], x)
		}
		return nil
	}, `select e.study_uid, e.examination, e.ordinal, e.ctdivol_mgy
		from dose_examination x join dose_event e
		on x.site_id = e.site_id and x.study_uid = e.study_uid and x.examination = e.examination
		where x.site_id = $1 and x.modality = 'CT' and x.day between $2 and $3 and e.ctdivol_mgy is not null and e.sequence`, siteID, from, to)
}

// loadAmountsOf loads the amounts of examinations of a modality, and of their events.
func loadAmountsOf(ctx context.Context, tx *db.Tx, siteID, modality, from, to string, at map[[2]string]spot) error {
	const of = ` a on x.site_id = a.site_id and x.study_uid = a.study_uid and x.examination = a.examination
		where x.site_id = $1 and x.modality = $2 and x.day between $3 and $4`
	for i, query := range []string{
		`select a.study_uid, a.examination, a.quantity, 0, a.value, a.class from dose_examination x join dose_amount` + of,
		`select a.study_uid, a.examination, a.quantity, a.ordinal, a.value, a.class from dose_examination x join dose_event_amount` + of + `
			and a.quantity in ('dap', 'agd', 'esd')`,
	} {
		err := eachRow(ctx, tx, func(r *db.Rows) error {
			var key [2]string
			var x numbered
			var class Class
			if err := r.Scan(&key[0], &key[1], &x.name, &x.ordinal, &x.value, &class); err != nil {
				return err
			}
			s, ok := at[key]
			if !ok {
				return nil
			}
			s.m.lists[i+1][s.n] = append(s.m.lists[i+1][s.n], x)
			if i == 0 {
				s.m.class[s.n] = lower(s.m.class[s.n], class)
			}
			return nil
		}, query, siteID, modality, from, to)
		if err != nil {
			return err
		}
	}
	return nil
}
