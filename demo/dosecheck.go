package demo

import (
	"slices"

	"radagora/dicom/sr"
)

// A doseCheck is a row of dose_checks: what a scanner warns of before it scans.
type doseCheck struct {
	room, protocol string
	ctdi, dlp      int64 // alert values in 0.01 mGy and 0.01 mGy.cm; 0: not configured
	reason         string
}

// checked returns the details of the dose check of an exposure (TID 10015), as the
// scanner that does one tells them: what is configured, and what it expected where
// that is more. It returns false for a scanner without dose check.
func (r *report) checked(e exposure) (*sr.Item, bool) {
	i := slices.IndexFunc(r.m.checks, func(c doseCheck) bool { return c.room == r.visit.room.id && c.protocol == e.protocol })
	if i < 0 {
		return nil, false
	}
	c, room := r.m.checks[i], r.visit.room
	set := func(value int64) sr.Code {
		if value > 0 {
			return room.code(termYes)
		}
		return room.code(termNo)
	}
	mgy, mgycm := unit("mGy", "mGy"), unit("mGy.cm", "mGy.cm")
	var l list
	l.code(sr.Contains, dcm("113901", "DLP Alert Value Configured"), set(c.dlp))
	l.code(sr.Contains, dcm("113902", "CTDIvol Alert Value Configured"), set(c.ctdi))
	if c.dlp > 0 {
		l.num(dcm("113903", "DLP Alert Value"), c.dlp, 2, mgycm)
	}
	if c.ctdi > 0 {
		l.num(dcm("113904", "CTDIvol Alert Value"), c.ctdi, 2, mgy)
	}
	over := false
	if c.dlp > 0 && e.dlp > c.dlp {
		l.num(dcm("113905", "Accumulated DLP Forward Estimate"), e.dlp, 2, mgycm)
		over = true
	}
	if c.ctdi > 0 && e.ctdi > c.ctdi {
		l.num(dcm("113906", "Accumulated CTDIvol Forward Estimate"), e.ctdi, 2, mgy)
		over = true
	}
	if over && c.reason != "" && r.m.dice("reason", e.name).chance(0.6) {
		l.text(sr.Contains, "TEXT", dcm("113907", "Reason for Proceeding"), c.reason)
	}
	return sr.NewContainer(sr.Contains, dcm("113900", "Dose Check Alert Details"), l...), true
}
