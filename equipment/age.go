package equipment

import (
	"slices"
	"strconv"

	"radagora/content"
)

// A Band is a range of ages in whole years with the share that is asked for.
type Band struct {
	Code     string
	From, To int  // years, both included; To is -1 without an end
	Least    bool // the share is the least, otherwise the most
	Share    float64
	Source   string
}

// Bands reads the age rule of a site from the content set equipment/age.
func (r *Register) Bands(siteID string) ([]Band, content.Ref, error) {
	table, err := r.Content.Table(siteID, "equipment/age", "bands")
	if err != nil {
		return nil, content.Ref{}, err
	}
	var all []Band
	for row := range table.All() {
		b := Band{Code: row.Text("band"), To: -1, Least: row.Text("share_at") == "least", Source: row.Text("source")}
		b.Share, _ = row.Number("share")
		b.From, _ = strconv.Atoi(row.Text("from_years"))
		if to, err := strconv.Atoi(row.Text("to_years")); err == nil {
			b.To = to
		}
		if err := row.Err(); err != nil {
			return nil, content.Ref{}, err
		}
		all = append(all, b)
	}
	set, _ := r.Content.Set(siteID, "equipment/age")
	return all, set.Ref(), nil
}

// A Profile is how old the active devices of a group are.
type Profile struct {
	Group   string // "" of all groups
	N       int    // active devices with a year of installation
	Unknown int    // active devices without
	Counts  []int  // by band
	Shares  []float64
	Met     []bool // whether the rule of each band is met; false without devices
}

// profile counts the active devices of a group in a year.
func profile(all []Device, group string, year int, bands []Band) Profile {
	p := Profile{Group: group, Counts: make([]int, len(bands)), Shares: make([]float64, len(bands)), Met: make([]bool, len(bands))}
	for _, d := range all {
		switch age := year - d.Year; {
		case d.Status != Active || group != "" && d.Group != group || d.Year != 0 && age < 0:
		case d.Year == 0:
			p.Unknown++
		default:
			p.N++
			for i, b := range bands {
				if age >= b.From && (b.To < 0 || age <= b.To) {
					p.Counts[i]++
				}
			}
		}
	}
	for i, b := range bands {
		if p.N > 0 {
			p.Shares[i] = float64(p.Counts[i]) / float64(p.N)
			p.Met[i] = b.Least && p.Shares[i] >= b.Share || !b.Least && p.Shares[i] <= b.Share
		}
	}
	return p
}

// Ages returns the profile of all active devices in a year, and that of each group that
// has any. Devices installed after the year are in none.
func Ages(all []Device, year int, bands []Band) []Profile {
	out := []Profile{profile(all, "", year, bands)}
	for _, g := range Groups() {
		if slices.ContainsFunc(all, func(d Device) bool { return d.Group == g && d.Status == Active }) {
			out = append(out, profile(all, g, year, bands))
		}
	}
	return out
}
