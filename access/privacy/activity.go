package privacy

import (
	"slices"

	"radagora/content"
)

// An Activity is a processing activity as content describes it.
type Activity struct {
	ID           string
	Name         Words
	Purposes     []string // codes of HL7 v3 PurposeOfUse
	Secondary    bool     // not for the patient's own care
	Bases        []Basis
	Data         []Words // categories of data
	Persons      []Words // categories of persons
	Recipients   []Term  // categories of recipients
	Measures     []Words
	Retention    []Rule
	Capabilities []string // rooms that do it
}

// A Term is a category with its code.
type Term struct {
	Code string
	Name Words
}

// A Basis is a legal basis.
type Basis struct {
	Country  string // EU where nothing else is said
	Article  string
	Note     string
	Verified bool // the article was read
	Source   string
}

// A Rule says how long something has to be kept.
type Rule struct {
	ID, Country, Data string
	Rooms             []string
	Amount            int    // 0 where there is no number
	Unit              string // day, month, year, none
	Since             string // last_record, each_access, closed, ended, run
	UntilAge          int    // of minors, at least; 0 for no such rule
	Meaning           Words
	Law               string
	Verified          bool
	Source            string
}

// anyCountry stands for every country that has no row of its own.
const anyCountry = "EU"

// Rules returns the rules of retention of a country: its own, and for data of which
// it says nothing the general ones.
func (d *Desk) Rules(siteID, country string) ([]Rule, error) {
	all, err := rows(d, siteID, "law/retention", "rules", func(r *content.Row) Rule {
		amount, _ := r.Int("amount")
		age, _ := r.Int("until_age")
		return Rule{
			ID: r.Text("rule"), Country: r.Text("country"), Data: r.Text("data"), Rooms: r.List("rooms"),
			Amount: amount, Unit: r.Text("unit"), Since: r.Text("since"), UntilAge: age,
			Meaning: words(r, "meaning"), Law: r.Text("law"), Verified: r.Yes("verified"), Source: r.Text("source"),
		}
	})
	own := map[string]bool{}
	for _, r := range all {
		if r.Country == country {
			own[r.Data] = true
		}
	}
	return slices.DeleteFunc(all, func(r Rule) bool {
		return r.Country != country && (r.Country != anyCountry || own[r.Data])
	}), err
}

// Activities returns the processing activities with the legal bases and retention
// of a country: what Union law says, and what the country adds.
func (d *Desk) Activities(siteID, country string) ([]Activity, error) {
	rules, err := d.Rules(siteID, country)
	if err != nil {
		return nil, err
	}
	bases := map[string][]Basis{}
	_, err = rows(d, siteID, "law/purpose", "bases", func(r *content.Row) string {
		if c := r.Text("country"); c == country || c == anyCountry {
			bases[r.Text("activity")] = append(bases[r.Text("activity")], Basis{
				Country: c, Article: r.Text("article"), Note: r.Text("note"), Verified: r.Yes("verified"), Source: r.Text("source"),
			})
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	names := map[string]Words{}
	_, err = rows(d, siteID, "law/purpose", "terms", func(r *content.Row) string {
		names[r.Text("kind")+" "+r.Text("term")] = words(r, "label")
		return ""
	})
	if err != nil {
		return nil, err
	}
	return rows(d, siteID, "law/purpose", "activities", func(r *content.Row) Activity {
		named := func(kind string) (all []Words) {
			for _, t := range r.List(kind) {
				all = append(all, names[kind+" "+t])
			}
			return all
		}
		a := Activity{
			ID: r.Text("activity"), Name: words(r, "label"), Secondary: r.Yes("secondary"), Purposes: r.List("purposes"),
			Bases: bases[r.Text("activity")], Data: named("data"), Persons: named("persons"), Measures: named("measures"),
			Capabilities: r.List("capability"),
		}
		for _, t := range r.List("recipients") {
			a.Recipients = append(a.Recipients, Term{Code: t, Name: names["recipients "+t]})
		}
		for _, rule := range rules {
			if slices.Contains(r.List("retention"), rule.Data) {
				a.Retention = append(a.Retention, rule)
			}
		}
		return a
	})
}
