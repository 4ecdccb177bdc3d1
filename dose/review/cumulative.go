package review

import (
	"context"
	"slices"
	"time"

	"radagora/db"
	"radagora/dose"
)

// QuantityCumulative is the estimated effective dose of a person over some years, in
// mSv. It is a statistic and no sum that says anything of the person's risk.
const QuantityCumulative dose.Quantity = "effective_cumulative"

// A Cumulative counts the persons that a cumulative rule is about.
type Cumulative struct {
	Rule         string
	Years        int // up to Day
	Day          string
	Persons      int // with an examination in that time
	Above        int // of them, those that reach the value
	Examinations int // of all of them
	Estimated    int // of these, those whose dose could be estimated: the others add nothing
}

// cumulative are the rules that add up what examinations of one person gave.
func cumulative(rules []Rule) []Rule {
	var all []Rule
	for _, r := range rules {
		if r.Aggregation == SumExams && r.Quantity == QuantityCumulative && r.Years > 0 && r.Value > 0 && len(r.Modalities) > 0 {
			all = append(all, r)
		}
	}
	return all
}

// before returns the first of so many years that end with a day.
func before(day string, years int) (string, bool) {
	on, err := time.Parse(time.DateOnly, day)
	return on.AddDate(-years, 0, 1).Format(time.DateOnly), err == nil
}

// history adds to an examination what its person was given in the years of a
// cumulative rule, up to its day.
func (*Desk) history(ctx context.Context, tx *db.Tx, siteID string, f *Facts, r Rule) error {
	from, ok := before(f.Day, r.Years)
	if !ok || !slices.Contains(r.Modalities, f.Modality) {
		return nil
	}
	var sum float64
	var n int
	err := tx.QueryRow(ctx, `select coalesce(sum(a.value), 0), count(*) from dose_study s
		join dose_examination x on x.site_id = s.site_id and x.study_uid = s.study_uid
		join dose_amount a on a.site_id = x.site_id and a.study_uid = x.study_uid and a.examination = x.examination
		where s.site_id = $1 and s.person <> '' and s.person = (select person from dose_study where site_id = $1 and study_uid = $2)
		and x.modality = $3 and a.quantity = $4 and x.day between $5 and $6 and x.excluded not in ($7, $8)`,
		siteID, f.Study, f.Modality, string(dose.QuantityEffectiveEstimated), from, f.Day, dose.ExcludedNotPatient, dose.ExcludedDuplicate).Scan(&sum, &n)
	if err == nil && n > 0 {
		f.Amounts[QuantityCumulative] = Number{Value: sum}
	}
	return err
}

// tally counts the persons of each cumulative rule, for one year and for each more up
// to those of the rule.
func (d *Desk) tally(ctx context.Context, siteID string) error {
	rules, _, err := d.rules(ctx, siteID)
	if err != nil {
		return err
	}
	day := d.Now().Format(time.DateOnly)
	var all []Cumulative
	for _, r := range cumulative(rules) {
		value, err := convert(r.Value, r.Unit, unitOf(QuantityCumulative))
		if err != nil {
			return err
		}
		for years := 1; years <= r.Years; years++ {
			c := Cumulative{Rule: r.ID, Years: years, Day: day}
			from, _ := before(day, years)
			err := d.DB.QueryRow(ctx, `select count(*), coalesce(sum(case when given >= $1 then 1 else 0 end), 0), coalesce(sum(n), 0), coalesce(sum(told), 0)
				from (select s.person, count(*) as n, count(a.value) as told, coalesce(sum(a.value), 0) as given
				from dose_examination x join dose_study s on s.site_id = x.site_id and s.study_uid = x.study_uid
				left join dose_amount a on a.site_id = x.site_id and a.study_uid = x.study_uid and a.examination = x.examination and a.quantity = $2
				where x.site_id = $3 and x.modality = $4 and x.day between $5 and $6 and x.excluded not in ($7, $8) and s.person <> ''
				group by s.person) p`,
				value, string(dose.QuantityEffectiveEstimated), siteID, r.Modalities[0], from, day, dose.ExcludedNotPatient, dose.ExcludedDuplicate).
				Scan(&c.Persons, &c.Above, &c.Examinations, &c.Estimated)
			if err != nil {
				return err
			}
			all = append(all, c)
		}
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from review_cumulative where site_id = $1`, siteID); err != nil {
			return err
		}
		for _, c := range all {
			if _, err := tx.Exec(ctx, `insert into review_cumulative (site_id, rule_id, years, day, persons, above, examinations, estimated)
				values ($1, $2, $3, $4, $5, $6, $7, $8)`, siteID, c.Rule, c.Years, c.Day, c.Persons, c.Above, c.Examinations, c.Estimated); err != nil {
				return err
			}
		}
		return nil
	})
}

// Cumulatives returns the counts of the last night, by rule and years.
func (d *Desk) Cumulatives(ctx context.Context, siteID string) ([]Cumulative, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (c Cumulative, err error) {
		return c, r.Scan(&c.Rule, &c.Years, &c.Day, &c.Persons, &c.Above, &c.Examinations, &c.Estimated)
	}, `select rule_id, years, day, persons, above, examinations, estimated from review_cumulative where site_id = $1 order by rule_id, years`, siteID)
}
