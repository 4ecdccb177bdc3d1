// Package history tells one person's irradiation, with what it can and cannot say.
//
// It puts the examinations of a person, of all sources and modalities, beside what is
// typical of each, and adds up what may be added: DLP of CT, dose area product, glandular
// dose, activity, never doses of different places of the body. Effective dose is a
// statistic, summed only by one set of coefficients and only for those who ask. Nothing
// here is a risk of a person, and nothing blocks an examination (AAPM, ACR and HPS 2021;
// ICRP 147).
package history

import (
	"cmp"
	"context"
	"slices"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/dose"
)

// most bounds the examinations of one person that are shown.
const most = 2000

// Doses is what the ledger of doses tells.
type Doses interface {
	Select(ctx context.Context, siteID string, s dose.Selection, from dose.Cursor, limit int) ([]dose.Selected, error)
	Told(ctx context.Context, siteID string, studies []string) (map[string]dose.Told, error)
	Typical(ctx context.Context, siteID, exam string, q dose.Quantity, p dose.Period) (dose.Statistic, error)
}

// A Teller tells histories.
type Teller struct {
	Doses   Doses
	Content *content.Library
	Now     func() time.Time
}

// An Examination is one of a History.
type Examination struct {
	*dose.Item
	Modality string
	Amounts  []Beside
	Earlier  []string // ids of examinations of the same kind shortly before: they may answer the question
}

// A Beside is an amount beside what is typical of such examinations at the site.
type Beside struct {
	dose.Amount
	Typical dose.Statistic // in the twelve months before now; N is 0 if there are none
}

// A Sum is what examinations of a person came to together.
type Sum struct {
	Quantity     dose.Quantity
	Value        float64
	Unit         string
	Examinations int // that tell it
	Missing      int // of the same modalities that do not
}

// An Effective is the effective dose of a person by one set: a statistic.
type Effective struct {
	Set          string // of coefficients, with tissue weights
	Value        float64
	Examinations int
}

// A Recurrent says that CT of one person within some years came to an effective dose that
// calls for a look at the justification of the next.
type Recurrent struct {
	From, To     string // days
	Set          string
	Value, Limit float64 // mSv
	Years        float64
	Examinations int
}

// A History is what one person was irradiated with, the latest first.
type History struct {
	Examinations []Examination
	Sums         []Sum
	Effective    []Effective // none unless asked for
	Recurrent    *Recurrent  // likewise
	Estimable    int         // examinations whose effective dose is estimated
	Cut          bool        // there are more
}

// shown are the quantities of an examination that a history shows, in this order.
var shown = []dose.Quantity{
	dose.QuantityDLP, dose.QuantityCTDIvolMax, dose.QuantitySSDE, dose.QuantityDAP, dose.QuantityRP, dose.QuantityFluoroTime, dose.QuantityAGD, dose.QuantityActivity,
}

// summed are those that are added up, with the modalities whose examinations tell them.
var summed = []struct {
	quantity   dose.Quantity
	modalities []string
}{
	{dose.QuantityDLP, []string{"CT"}},
	{dose.QuantityDAP, []string{"RF", "DX"}},
	{dose.QuantityFluoroTime, []string{"RF"}},
	{dose.QuantityAGD, []string{"MG"}},
	{dose.QuantityActivity, []string{"NM"}},
}

// Of returns the history of a person, who has some keys. effective asks for effective
// dose, as a statistic.
func (t *Teller) Of(ctx context.Context, siteID string, persons []string, reach access.Reach, effective bool) (History, error) {
	s, err := loadSettings(t.Content, siteID)
	if err != nil || len(persons) == 0 {
		return History{}, err
	}
	list, err := t.Doses.Select(ctx, siteID, dose.Selection{Persons: persons, Reach: reach}, dose.Cursor{}, most+1)
	if err != nil {
		return History{}, err
	}
	h := History{Cut: len(list) > most}
	list = list[:min(len(list), most)]
	studies := make([]string, len(list))
	for i, one := range list {
		studies[i] = one.Study
	}
	told, err := t.Doses.Told(ctx, siteID, studies)
	if err != nil {
		return History{}, err
	}
	typical := map[[2]string]dose.Statistic{}
	for _, one := range list {
		x := Examination{Item: one.Item, Modality: told[one.ID()].Modality}
		for _, q := range shown {
			a, ok := told[one.ID()].Amount(q)
			if !ok {
				continue
			}
			b := Beside{Amount: a}
			if key := [2]string{one.Exam, string(q)}; one.Exam != "" {
				if _, asked := typical[key]; !asked {
					if typical[key], err = t.Doses.Typical(ctx, siteID, one.Exam, q, dose.Last(12, t.Now())); err != nil {
						return History{}, err
					}
				}
				b.Typical = typical[key]
			}
			x.Amounts = append(x.Amounts, b)
		}
		h.Examinations = append(h.Examinations, x)
	}
	h.earlier(s)
	h.add(told)
	h.effective(told, s, effective)
	return h, nil
}

// counts reports whether an examination is one of the patient.
func (x Examination) counts() bool {
	return x.Excluded != dose.ExcludedNotPatient && x.Excluded != dose.ExcludedDuplicate
}

// earlier finds for each examination those of the same kind shortly before.
func (h *History) earlier(s settings) {
	for i := range h.Examinations {
		x := &h.Examinations[i]
		day, err := time.Parse(time.DateOnly, x.Day)
		if err != nil || x.Exam == "" {
			continue
		}
		since := day.AddDate(0, -int(s.earlier), 0).Format(time.DateOnly)
		for _, other := range h.Examinations[i+1:] {
			if other.Exam == x.Exam && other.Study != x.Study && other.Day >= since && other.counts() {
				x.Earlier = append(x.Earlier, other.ID())
			}
		}
	}
}

// add adds up what may be.
func (h *History) add(told map[string]dose.Told) {
	for _, q := range summed {
		s := Sum{Quantity: q.quantity, Unit: dose.QuantityUnit(q.quantity)}
		for _, x := range h.Examinations {
			if !x.counts() || !slices.Contains(q.modalities, x.Modality) {
				continue
			}
			if a, ok := told[x.ID()].Amount(q.quantity); ok {
				s.Value, s.Examinations = s.Value+a.Value, s.Examinations+1
			} else {
				s.Missing++
			}
		}
		if s.Examinations > 0 {
			h.Sums = append(h.Sums, s)
		}
	}
}

// effective adds up effective dose by each set, and looks whether CT recurs.
func (h *History) effective(told map[string]dose.Told, s settings, asked bool) {
	type one struct {
		day   string
		value float64
	}
	ct := map[string][]one{}
	sums := map[string]*Effective{}
	for _, x := range slices.Backward(h.Examinations) {
		a, ok := told[x.ID()].Amount(dose.QuantityEffectiveEstimated)
		if !ok || !x.counts() {
			continue
		}
		h.Estimable++
		if sums[a.Method] == nil {
			sums[a.Method] = &Effective{Set: a.Method}
		}
		sums[a.Method].Value += a.Value
		sums[a.Method].Examinations++
		if x.Modality == "CT" {
			ct[a.Method] = append(ct[a.Method], one{x.Day, a.Value})
		}
	}
	if !asked {
		return
	}
	for _, e := range sums {
		h.Effective = append(h.Effective, *e)
	}
	slices.SortFunc(h.Effective, func(a, b Effective) int { return cmp.Compare(a.Set, b.Set) })
	for set, list := range ct {
		for i, last := range list {
			r := Recurrent{To: last.day, Set: set, Limit: s.recurrent, Years: s.years}
			day, err := time.Parse(time.DateOnly, last.day)
			if err != nil {
				continue
			}
			since := day.AddDate(0, -int(12*s.years), 0).Format(time.DateOnly)
			for _, x := range slices.Backward(list[:i+1]) {
				if x.day > since {
					r.From, r.Value, r.Examinations = x.day, r.Value+x.value, r.Examinations+1
				}
			}
			if r.Value >= s.recurrent && r.Examinations > 1 && (h.Recurrent == nil || r.Value > h.Recurrent.Value) {
				h.Recurrent = &r
			}
		}
	}
}

// settings are the numbers of a site that histories go by.
type settings struct{ years, recurrent, earlier float64 }

// loadSettings reads them.
func loadSettings(library *content.Library, site string) (s settings, err error) {
	table, err := library.Table(site, "dose/defaults", "settings")
	if err != nil {
		return s, err
	}
	for row := range table.All() {
		for key, to := range map[string]*float64{"dose.history.recurrent_years": &s.years, "dose.history.recurrent_effective": &s.recurrent, "dose.history.earlier": &s.earlier} {
			if row.Text("key") == key {
				*to, _ = row.Number("value")
			}
		}
		if err := row.Err(); err != nil {
			return s, err
		}
	}
	return s, nil
}
