package account

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// A Place is where a request comes from. Doors put it into the context: Sessions
// does so for pages, others with At.
type Place struct {
	Address netip.Addr
	Agent   string // what the browser says it is, cut short
	Origin  string // of the page, such as https://radagora.hospital.example
	Device  string // id of a device, "" if it has none yet
	Station string // id of the workstation, "" if it is none
}

// placeKey is the key of a Place in a context.
type placeKey struct{}

// At returns a context of a request that comes from p.
func At(ctx context.Context, p Place) context.Context { return context.WithValue(ctx, placeKey{}, p) }

// PlaceOf returns where a request comes from, zero if no door said so.
func PlaceOf(ctx context.Context) Place {
	p, _ := ctx.Value(placeKey{}).(Place)
	return p
}

// What browsers keep for us.
const (
	deviceCookie  = "device"
	stationCookie = "station"
	longest       = 400 * 24 * time.Hour // browsers keep a cookie no longer
	mostAgent     = 200
)

// cookieName returns the name of a cookie. Over TLS its prefix keeps other hosts and
// plain HTTP from setting it (RFC 6265bis §4.1.3).
func (r *Register) cookieName(name string) string {
	if r.o.Secure {
		return "__Host-" + name
	}
	return name
}

// place looks at a request.
func (r *Register) place(q *http.Request) Place {
	p := PlaceOf(q.Context()) // a door before us may know more, such as what a proxy says
	if !p.Address.IsValid() {
		if a, err := netip.ParseAddrPort(q.RemoteAddr); err == nil {
			p.Address = a.Addr().Unmap()
		}
	}
	p.Agent = strings.ToValidUTF8(q.UserAgent()[:min(len(q.UserAgent()), mostAgent)], "")
	p.Origin = "http://" + q.Host
	if r.o.Secure || q.TLS != nil {
		p.Origin = "https://" + q.Host
	}
	p.Device, p.Station = r.kept(q, deviceCookie), r.kept(q, stationCookie)
	return p
}

// kept returns what a cookie of ours holds, "" if there is none or it is not ours.
func (r *Register) kept(q *http.Request, name string) string {
	c, err := q.Cookie(r.cookieName(name))
	if err != nil {
		return ""
	}
	var id string
	if err := r.unseal(name, c.Value, &id); err != nil {
		return ""
	}
	return id
}

// keep gives the browser behind ctx something to keep; "" takes it away.
func (r *Register) keep(ctx context.Context, name, id string) error {
	w, ok := ctx.Value(answerKey{}).(http.ResponseWriter)
	if !ok {
		return nil // no browser
	}
	c := &http.Cookie{
		Name: r.cookieName(name), Path: "/", HttpOnly: true, Secure: r.o.Secure,
		SameSite: http.SameSiteLaxMode, MaxAge: int(longest.Seconds()),
	}
	if id == "" {
		c.MaxAge = -1
	} else {
		var err error
		if c.Value, err = r.seal(name, 0, id); err != nil {
			return err
		}
	}
	http.SetCookie(w, c)
	return nil
}

// answerKey is the key of the answer in the context of a request.
type answerKey struct{}
