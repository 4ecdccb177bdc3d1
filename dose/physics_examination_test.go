package dose_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"radagora/dose"
)

// estimated says what an examination was estimated to be.
func estimated(x dose.Physical) string {
	var all []string
	for _, s := range x.Scans {
		all = append(all, strings.TrimSpace(fmt.Sprintf("scan %.2f %s %s", s.Size.Value, s.Size.Diameter.From, s.Why)))
	}
	if x.SSDE != nil {
		all = append(all, fmt.Sprintf("ssde %.2f %s", *x.SSDE, x.SSDEFrom))
	}
	for _, e := range x.Effective {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %.2f %s", strings.TrimPrefix(e.Set, "dose/factor/"), e.Weights, e.Value, e.Why)))
	}
	return strings.Join(all, "; ")
}

// TestExaminationEstimates says of whole examinations what is estimated, and what is
// refused because one of their scans is.
func TestExaminationEstimates(t *testing.T) {
	p := physics(t)
	scan := func(dw string) *dose.Event {
		numbers := map[dose.Field]string{dose.FieldCTDIvol: "9.91", dose.FieldDLP: "362.26", dose.FieldKVP: "120"}
		if dw != "" {
			numbers["water_diameter_mm"] = dw
		}
		return scanned("body32", numbers)
	}
	localizer := scanned("body32", map[dose.Field]string{dose.FieldCTDIvol: "0.1", dose.FieldDLP: "5"})
	localizer.Type = "constant_angle"
	unknown := scan("280")
	unknown.Phantom = ""
	trunk := dose.Body{Regions: []string{"abdomen", "chest", "pelvis"}, Years: 60}
	for _, c := range []struct {
		name   string
		events []*dose.Event
		body   dose.Body
		want   string
	}{
		{
			"two scans and a localizer",
			[]*dose.Event{localizer, scan("280"), scan("280")},
			trunk,
			"scan 0.00  localizer; scan 13.13 water; scan 13.13 water; ssde 13.13 water; eur16262 ICRP60 0.00 no_factor; lee2012 ICRP103 13.04; lee2012 ICRP60 12.68",
		},
		{
			"nobody said what it is",
			[]*dose.Event{scan("280")},
			dose.Body{Years: 60},
			"scan 13.13 water; ssde 13.13 water; eur16262 ICRP60 0.00 no_region; lee2012 ICRP103 0.00 no_region; lee2012 ICRP60 0.00 no_region",
		},
		{
			"the phantom of one scan is unknown",
			[]*dose.Event{scan("280"), unknown},
			trunk,
			"scan 13.13 water; scan 0.00  no_phantom; eur16262 ICRP60 0.00 no_factor; lee2012 ICRP103 0.00 no_phantom; lee2012 ICRP60 0.00 no_phantom",
		},
		{
			"no age",
			[]*dose.Event{scan("")},
			dose.Body{Regions: trunk.Regions, Years: -1},
			"scan 0.00  no_size; eur16262 ICRP60 0.00 no_factor; lee2012 ICRP103 0.00 no_age; lee2012 ICRP60 0.00 no_age",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := estimated(p.Examination(dose.CT, c.events, c.body)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
	both := p.Examination(dose.CT, []*dose.Event{scan("280")}, trunk)
	if e, ok := p.Chosen(both); !ok || e.Set+" "+e.Weights != "dose/factor/lee2012 ICRP103" {
		t.Errorf("chosen %v %v", e, ok)
	}
}

// TestAdministeredExamination keeps what the scanner says beside the estimate.
func TestAdministeredExamination(t *testing.T) {
	p := physics(t)
	r, _ := sample(t, "NM-RRDSR-Siemens.dcm")
	x := p.Examination(dose.Nuclear, r.Events, dose.Body{Years: 60})
	if len(x.Effective) != 1 || x.Effective[0].Why != "" || math.Abs(x.Effective[0].Value-7.486) > 0.001 || x.Reported == nil || *x.Reported != 7.486 {
		t.Errorf("%s, reported %v", estimated(x), x.Reported)
	}
	for years, want := range map[float64]dose.Refusal{-1: dose.NoAge, 5: dose.NoFactor} {
		if x := p.Examination(dose.Nuclear, r.Events, dose.Body{Years: years}); x.Effective[0].Why != want {
			t.Errorf("at %v years: %s", years, estimated(x))
		}
	}
}
