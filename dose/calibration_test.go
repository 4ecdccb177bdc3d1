package dose_test

import (
	"fmt"
	"strings"
	"testing"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
	"radagora/ucum"
)

// machineOf returns the machine of the only examinations there are.
func (k *desk) machineOf() string {
	k.t.Helper()
	o := k.overview("2026-01-01", "2026-12-31")
	if o.Len() == 0 {
		k.t.Fatal("no examinations")
	}
	return first(o).Machine
}

// byBasis describes the rows of DLP by a basis.
func (k *desk) byBasis(basis dose.Basis) string {
	k.t.Helper()
	o, err := k.OverviewBy(k.t.Context(), house, "CT", dose.Period{From: "2026-01-01", To: "2026-12-31"}, inOneRoom, access.Quality, basis)
	check(k.t, err)
	agrees(k.t, o)
	var all []string
	for _, r := range o.Rows {
		if r.Measure == dose.MeasureDLP {
			all = append(all, fmt.Sprintf("%s n=%d median %g %s..%s split %v", r.Basis, r.N, r.Median, r.Days.From, r.Days.To, r.Split))
		}
	}
	return strings.Join(all, "; ")
}

func TestCalibration(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.approve("Abdomen Routine", "CT_ABDOMEN", "", "")
		early := dosetest.New("s1", "i1", "100", dosetest.Scan("e1", "5", "100"))
		late := dosetest.New("s2", "i2", "200", dosetest.Scan("e2", "8", "200"))
		late.StudyDate = "20260402"
		k.receive(early, late)
		c, err := k.Calibrate(t.Context(), dose.MachineCalibration{
			Site: house, Machine: k.machineOf(), Quantity: dose.QuantityDLP, Factor: ucum.MustDecimal("1.1"), Uncertainty: "3",
			Calibrated: "2026-03-20", From: "2026-04-01", EnteredBy: "local",
		})
		check(t, err)
		k.settle()
		both := "reported n=2 median 150 2026-03-02..2026-04-02 split false"
		if got := k.byBasis(""); got != both {
			t.Errorf("by the basis of the site\n%s\nwant\n%s", got, both)
		}
		apart := "corrected n=1 median 220.00000000000003 2026-04-02..2026-04-02 split true; reported n=1 median 100 2026-03-02..2026-03-02 split true"
		if got := k.byBasis(dose.BasisCorrected); got != apart {
			t.Errorf("a period with corrections in a part\n%s\nwant\n%s", got, apart)
		}
		check(t, k.SetBasis(t.Context(), house, dose.BasisCorrected, "local"))
		if got := k.byBasis(""); got != apart {
			t.Errorf("by the basis that the site chose\n%s\nwant\n%s", got, apart)
		}
		s, err := k.Study(t.Context(), house, dosetest.UID("s2").String())
		check(t, err)
		a, ok := s.Amount("1", dose.QuantityDLP)
		if !ok || a.Value != 200 || a.Basis != dose.BasisReported || a.Corrected == nil || a.Factor != "1.1" || a.Calibration != c.ID {
			t.Errorf("the reported value beside the corrected one: %+v", a)
		}
		c.From = "2026-05-01"
		if _, err := k.Calibrate(t.Context(), c); fault.Of(err) != fault.Conflict {
			t.Errorf("a second calibration of the same days: %v; want Conflict", err)
		}
		check(t, k.RevokeCalibration(t.Context(), house, c.ID, "local"))
		k.settle()
		if got := k.byBasis(dose.BasisCorrected); got != both {
			t.Errorf("after it was revoked\n%s\nwant\n%s", got, both)
		}
	})
}

func TestCalibrationRefuses(t *testing.T) {
	good := dose.MachineCalibration{
		Site: house, Machine: "m", Quantity: dose.QuantityDAP, Factor: ucum.MustDecimal("0.97"), Calibrated: "2026-03-20", From: "2026-04-01", EnteredBy: "local",
	}
	for name, spoil := range map[string]func(*dose.MachineCalibration){
		"a factor of zero":                  func(c *dose.MachineCalibration) { c.Factor = ucum.Int(0) },
		"a quantity no meter measures":      func(c *dose.MachineCalibration) { c.Quantity = dose.QuantityFluoroTime },
		"no day of calibration":             func(c *dose.MachineCalibration) { c.Calibrated = "" },
		"a last day before the first":       func(c *dose.MachineCalibration) { c.To = "2026-03-31" },
		"an uncertainty that is no number":  func(c *dose.MachineCalibration) { c.Uncertainty = "some" },
		"nobody entered it":                 func(c *dose.MachineCalibration) { c.EnteredBy = "" },
		"no machine":                        func(c *dose.MachineCalibration) { c.Machine = "" },
		"an unknown word about the factor":  func(c *dose.MachineCalibration) { c.Inside = "perhaps" },
		"a first day that is no day at all": func(c *dose.MachineCalibration) { c.From = "soon" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if _, err := (&dose.Ledger{}).Calibrate(t.Context(), c); fault.Of(err) != fault.Invalid {
				t.Errorf("Calibrate = %v; want Invalid", err)
			}
		})
	}
}
