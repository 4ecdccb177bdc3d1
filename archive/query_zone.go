package archive

import (
	"strings"
	"time"

	"radagora/dicom/tag"
	"radagora/fault"
)

// A zone is the offset in which keys and answers speak of time.
type zone struct {
	asked *time.Location // of keys and answers
	local *time.Location // of objects that say none
}

// adjust takes the offset out of the keys, if it is one of the query.
func (p *plan) adjust() error {
	if p.q.Timezone == nil {
		return nil
	}
	for i, k := range p.keys {
		if k.tag != tag.TimezoneOffsetFromUTC || len(k.terms) == 0 {
			continue
		}
		at, ok := parseOffset(k.terms[0].text)
		if !ok || len(k.terms) > 1 {
			return fault.Errorf(fault.Invalid, "%v: no offset from UTC", k.tag)
		}
		p.zone = &zone{asked: at, local: p.q.Timezone}
		p.keys[i].terms = nil
	}
	return nil
}

// parseOffset reads an offset such as +0100 (PS3.3 C.12.1.1.8).
func parseOffset(s string) (*time.Location, bool) {
	t, err := time.Parse("-0700", strings.TrimSpace(s))
	if err != nil {
		return nil, false
	}
	_, seconds := t.Zone()
	if seconds < -12*3600 || seconds > 14*3600 {
		return nil, false
	}
	return time.FixedZone("", seconds), true
}
