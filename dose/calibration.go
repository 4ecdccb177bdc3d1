package dose

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/ucum"
)

// A Basis says which of two numbers an amount is: what was reported, or that times
// the factor of a calibration.
type Basis string

// BasisCorrected says that an amount is what was reported times the factor of a
// calibration. Reported values are never changed; corrected ones stand beside.
const BasisCorrected = "corrected"

// Measurables are what a calibration can be of. One of the dose area product holds for
// that of fluoroscopy, of acquisitions and of each plane too, and so on.
func Measurables() []Quantity {
	return []Quantity{QuantityDLP, measurableCTDIvol, QuantityDAP, QuantityRP, QuantityAGD, QuantityActivity}
}

const measurableCTDIvol Quantity = "ctdivol"

// measuredBy are the quantities that a calibration bears upon, and of what it has to be.
var measuredBy = map[Quantity]Quantity{
	QuantityDLP:        QuantityDLP,
	QuantityCTDIvolMax: measurableCTDIvol, QuantityCTDIvolOverlap: measurableCTDIvol, QuantityCTDIvolMean: measurableCTDIvol,
	QuantityDAP: QuantityDAP, QuantityDAPFluoro: QuantityDAP, QuantityDAPAcquis: QuantityDAP, QuantityDAPPlaneA: QuantityDAP, QuantityDAPPlaneB: QuantityDAP,
	QuantityRP: QuantityRP, QuantityRPFluoro: QuantityRP, QuantityRPAcquis: QuantityRP, QuantityRPPlaneA: QuantityRP, QuantityRPPlaneB: QuantityRP,
	QuantityAGD: QuantityAGD, QuantityAGDLeft: QuantityAGD, QuantityAGDRight: QuantityAGD,
	QuantityActivity: QuantityActivity, QuantityActivityPerKg: QuantityActivity,
}

// Inside says what becomes of a factor that the report itself states (122322).
type Inside string

// What becomes of it: the system applied it already, which is what one assumes, or it
// did not, and it counts besides the factor of the calibration.
const (
	InsideApplied    Inside = "applied"
	InsideNotApplied Inside = "not_applied"
)

// A MachineCalibration is what a person says of how far the doses that a machine
// reports are from those that were measured: corrected = reported x factor.
type MachineCalibration struct {
	ID, Site    string
	Machine     string
	Quantity    Quantity     // one of Measurables
	Factor      ucum.Decimal // 122322
	Uncertainty string       // per cent (113763), "" if unknown
	Calibrated  string       // day (113723)
	From, To    string       // days on which it holds, both included; To "" while it lasts
	Inside      Inside
	Note        string
	EnteredBy   string
	EnteredAt   int64
	RevokedBy   string
	RevokedAt   int64
}

// Holds reports whether the calibration is in force for examinations of a day.
func (c *MachineCalibration) Holds(day string) bool {
	return c.RevokedAt == 0 && day != "" && c.From <= day && (c.To == "" || day <= c.To)
}

const selectCalibration = `select calibration_id, site_id, machine_id, quantity, factor, uncertainty, calibrated, valid_from, valid_to,
	inside, note, entered_by, entered_at, revoked_by, revoked_at from dose_calibration`

func scanCalibration(r *db.Rows) (c MachineCalibration, err error) {
	var factor string
	err = r.Scan(&c.ID, &c.Site, &c.Machine, &c.Quantity, &factor, &c.Uncertainty, &c.Calibrated, &c.From, &c.To,
		&c.Inside, &c.Note, &c.EnteredBy, &c.EnteredAt, &c.RevokedBy, &c.RevokedAt)
	if err == nil {
		c.Factor, err = ucum.ParseDecimal(factor)
	}
	return c, err
}

// Calibrations returns the calibrations of a site, revoked ones too, by machine and
// quantity, the latest first.
func (l *Ledger) Calibrations(ctx context.Context, siteID string) ([]MachineCalibration, error) {
	return calibrations(ctx, l.DB, siteID)
}

func calibrations(ctx context.Context, q db.Querier, siteID string) ([]MachineCalibration, error) {
	return db.List(ctx, q, scanCalibration, selectCalibration+` where site_id = $1 order by machine_id, quantity, valid_from desc, calibration_id`, siteID)
}

// Calibrate notes a calibration on behalf of c.EnteredBy and returns it with its id.
// Studies of the machine in that time are derived anew. Invalid: a number or day that
// is none. Conflict: another calibration holds for some of the days.
func (l *Ledger) Calibrate(ctx context.Context, c MachineCalibration) (MachineCalibration, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	c.ID, c.EnteredAt, c.RevokedBy, c.RevokedAt = db.NewID(), db.Millis(l.Now()), "", 0
	err := l.DB.Write(ctx, func(tx *db.Tx) error {
		others, err := db.List(ctx, tx, scanCalibration, selectCalibration+` where site_id = $1 and machine_id = $2 and quantity = $3 and revoked_at = 0 `+tx.ForShare(),
			c.Site, c.Machine, string(c.Quantity))
		if err != nil {
			return err
		}
		for _, o := range others {
			if (o.To == "" || c.From <= o.To) && (c.To == "" || o.From <= c.To) {
				return fault.Errorf(fault.Conflict, "a calibration of the same quantity holds from %s on: end or revoke it first", o.From)
			}
		}
		err = insert(ctx, tx, `insert into dose_calibration (calibration_id, site_id, machine_id, quantity, factor, uncertainty, calibrated,
			valid_from, valid_to, inside, note, entered_by, entered_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			c.ID, c.Site, c.Machine, string(c.Quantity), c.Factor.String(), c.Uncertainty, c.Calibrated, c.From, c.To, string(c.Inside), c.Note, c.EnteredBy, c.EnteredAt)
		if err != nil {
			return err
		}
		if err := l.recalibrated(ctx, tx, c); err != nil {
			return err
		}
		return l.journalled(ctx, tx, c.Site, c.EnteredBy, "dose.calibration.entered", c.ID, map[string]any{
			"machine": c.Machine, "quantity": c.Quantity, "factor": c.Factor.String(), "from": c.From, "to": c.To, "inside": c.Inside,
		})
	})
	return c, err
}

// check makes a calibration complete and refuses what cannot be.
func (c *MachineCalibration) check() error {
	c.Note, c.Uncertainty = strings.TrimSpace(c.Note), strings.TrimSpace(c.Uncertainty)
	if c.Inside == "" {
		c.Inside = InsideApplied
	}
	switch {
	case c.EnteredBy == "":
		return fault.Errorf(fault.Invalid, "somebody has to enter a calibration")
	case c.Machine == "" || len(c.Machine) > 36:
		return fault.Errorf(fault.Invalid, "a calibration is of one machine")
	case !slices.Contains(Measurables(), c.Quantity):
		return fault.Errorf(fault.Invalid, "a calibration is of one of %v", Measurables())
	case c.Factor.Sign() <= 0 || c.Factor.Cmp(ucum.Int(1000)) > 0:
		return fault.Errorf(fault.Invalid, "factor: a number above 0, such as 1.04")
	case c.Inside != InsideApplied && c.Inside != InsideNotApplied:
		return fault.Errorf(fault.Invalid, "a factor in the report is applied or not_applied")
	case len(c.Note) > 1000:
		return fault.Errorf(fault.Invalid, "note: at most 1000 bytes")
	}
	if c.Uncertainty != "" {
		if n, err := ucum.ParseDecimal(c.Uncertainty); err != nil || n.Sign() < 0 {
			return fault.Errorf(fault.Invalid, "uncertainty: per cent, such as 3.5")
		}
	}
	for _, day := range []string{c.Calibrated, c.From, c.To} {
		if _, err := time.Parse(time.DateOnly, day); err != nil && (day != "" || c.From == "" || c.Calibrated == "") {
			return fault.Errorf(fault.Invalid, "calibrated on, valid from and to: a day as 2026-01-31")
		}
	}
	if c.To != "" && c.To < c.From {
		return fault.Errorf(fault.Invalid, "the last day is before the first")
	}
	return nil
}

// recalibrated has the studies derived anew that a calibration concerns.
func (l *Ledger) recalibrated(ctx context.Context, tx *db.Tx, c MachineCalibration) error {
	tx.OnCommit(l.poke)
	last := c.To
	if last == "" {
		last = "9999-12-31"
	}
	root, err := l.root(ctx, tx, c.Site)
	if err != nil {
		return err
	}
	machines, err := db.List(ctx, tx, func(r *db.Rows) (m string, err error) { return m, r.Scan(&m) },
		`select distinct machine_id from dose_examination where site_id = $1`, c.Site)
	if err != nil {
		return err
	}
	machines = slices.DeleteFunc(machines, func(m string) bool { return root(m) != root(c.Machine) })
	for _, m := range machines {
		_, err := tx.Exec(ctx, `insert into dose_pending (site_id, study_uid, ticket)
			select distinct site_id, study_uid, cast($5 as text) from dose_examination where site_id = $1 and machine_id = $2 and day between $3 and $4
			on conflict (site_id, study_uid) do update set ticket = excluded.ticket`, c.Site, m, c.From, last, db.NewID())
		if err != nil {
			return err
		}
	}
	return nil
}

// RevokeCalibration takes a calibration back on behalf of by: it counts as never
// entered. NotFound: there is none with this id that holds.
func (l *Ledger) RevokeCalibration(ctx context.Context, siteID, id, by string) error {
	return l.endCalibration(ctx, siteID, id, by, "dose.calibration.revoked", func(tx *db.Tx, _ MachineCalibration) error {
		_, err := tx.Exec(ctx, `update dose_calibration set revoked_by = $3, revoked_at = $4 where site_id = $1 and calibration_id = $2`,
			siteID, id, by, db.Millis(l.Now()))
		return err
	})
}

// EndCalibration lets a calibration hold until a day, the last on which it does.
// NotFound: there is none with this id that holds. Invalid: the day is before its
// first, or none.
func (l *Ledger) EndCalibration(ctx context.Context, siteID, id, day, by string) error {
	return l.endCalibration(ctx, siteID, id, by, "dose.calibration.ended", func(tx *db.Tx, c MachineCalibration) error {
		if _, err := time.Parse(time.DateOnly, day); err != nil || day < c.From {
			return fault.Errorf(fault.Invalid, "the last day: a day as 2026-01-31, not before %s", c.From)
		}
		_, err := tx.Exec(ctx, `update dose_calibration set valid_to = $3 where site_id = $1 and calibration_id = $2`, siteID, id, day)
		return err
	})
}

// endCalibration changes a calibration that holds, and has its studies derived anew.
func (l *Ledger) endCalibration(ctx context.Context, siteID, id, by, kind string, change func(*db.Tx, MachineCalibration) error) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		all, err := db.List(ctx, tx, scanCalibration, selectCalibration+` where site_id = $1 and calibration_id = $2 and revoked_at = 0`, siteID, id)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fault.Errorf(fault.NotFound, "no calibration %s that holds", id)
		}
		if err := change(tx, all[0]); err != nil {
			return err
		}
		if err := l.recalibrated(ctx, tx, all[0]); err != nil {
			return err
		}
		return l.journalled(ctx, tx, siteID, by, kind, id, map[string]any{"machine": all[0].Machine, "quantity": all[0].Quantity})
	})
}

// Basis returns by which numbers a site compares, unless a query says otherwise.
func (l *Ledger) Basis(ctx context.Context, siteID string) (Basis, error) {
	return basisOf(ctx, l.DB, siteID)
}

func basisOf(ctx context.Context, q db.Querier, siteID string) (Basis, error) {
	all, err := db.List(ctx, q, func(r *db.Rows) (b Basis, err error) { return b, r.Scan(&b) }, `select basis from dose_basis where site_id = $1`, siteID)
	if err != nil || len(all) == 0 {
		return BasisReported, err
	}
	return all[0], nil
}

// ParseBasis returns a basis by its code; "" is that of the site. Invalid: there is no
// such basis.
func ParseBasis(s string) (Basis, error) {
	switch b := Basis(s); b {
	case "", BasisReported, BasisCorrected:
		return b, nil
	}
	return "", fault.Errorf(fault.Invalid, "basis: reported or corrected")
}

// SetBasis chooses on behalf of by which numbers a site compares by.
func (l *Ledger) SetBasis(ctx context.Context, siteID string, b Basis, by string) error {
	if b != BasisReported && b != BasisCorrected {
		return fault.Errorf(fault.Invalid, "basis: reported or corrected")
	}
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into dose_basis (site_id, basis, decided_by, decided_at) values ($1, $2, $3, $4)
			on conflict (site_id) do update set basis = excluded.basis, decided_by = excluded.decided_by, decided_at = excluded.decided_at`,
			siteID, string(b), by, db.Millis(l.Now()))
		if err != nil {
			return err
		}
		tx.OnCommit(l.changed)
		return l.journalled(ctx, tx, siteID, by, "dose.basis.chosen", siteID, map[string]any{"basis": b})
	})
}
