package connect

import (
	"context"
	"net/netip"
	"slices"

	"radagora/db"
)

// A Standing says how somebody is met who opens a line.
type Standing string

// How they are met.
const (
	Welcome Standing = "welcome" // people accepted, or hold, a sender of that address
	Strange Standing = "strange" // nobody has decided
	Shut    Standing = "shut"    // the address is of blocked senders alone
)

// Meet returns how an address is met: by what people decided about the senders that
// list it, and about those that list none and sent from it last.
func (r *Register) Meet(ctx context.Context, site, address string) (Standing, error) {
	channels, err := r.channels(ctx, site)
	if err != nil {
		return Strange, err
	}
	if a, err := netip.ParseAddr(address); r.Open && err == nil && a.Unmap().IsLoopback() {
		return Welcome, nil
	}
	open, shut := false, false
	for _, c := range channels {
		decided := c.State == Accepted || c.State == Held
		listed := len(c.Addresses) > 0 && c.from(address)
		switch {
		case decided && (listed || len(c.Addresses) == 0 && c.LastFrom == address):
			return Welcome, nil
		case decided && len(c.Addresses) == 0: // it may send from anywhere, here too
			open = true
		case c.State == Blocked && listed:
			shut = true
		}
	}
	if shut && !open {
		return Shut, nil
	}
	return Strange, nil
}

// Vouches reports whether a message that begins so is of a sender whom people accepted,
// or hold, and who may send from that address.
func (r *Register) Vouches(ctx context.Context, site, address string, begin []byte) (bool, error) {
	h, err := readHeader(begin)
	if err != nil {
		return false, nil //nolint:nilerr // nobody vouches for what is no message
	}
	list, err := db.List(ctx, r.DB, scanChannel, fromChannel+`where site_id = $1 and application = $2 and facility in ($3, '')
		order by facility desc limit 1`, site, h.application, h.facility)
	return slices.ContainsFunc(list, func(c Channel) bool {
		return (c.State == Accepted || c.State == Held) && c.from(address)
	}), err
}
