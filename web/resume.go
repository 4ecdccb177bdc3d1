package web

import (
	"crypto/subtle"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/fault"
)

// What is remembered of forms that could not be taken before a proof of a moment ago.
const (
	mostUnsent     = 500
	mostUnsentForm = 32 << 10
	unsentFor      = 15 * time.Minute
)

// An unsentForm is what somebody filled in before they were asked who they are once
// more. It stands in memory alone, for whoever sent it and a quarter of an hour.
type unsentForm struct {
	person, action, back string
	fields               url.Values
	until                time.Time
}

// Unsent keeps forms under random names. It is safe for concurrent use.
type unsent struct {
	mu   sync.Mutex
	kept map[string]unsentForm
}

// put keeps a form and returns its name. What is over goes first; where too many wait,
// those that end soonest.
func (u *unsent) put(random io.Reader, now time.Time, f unsentForm) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fault.As(fault.Internal, err)
	}
	name := hex.EncodeToString(b[:])
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.kept == nil {
		u.kept = map[string]unsentForm{}
	}
	soonest := ""
	for n, one := range u.kept {
		switch {
		case !now.Before(one.until):
			delete(u.kept, n)
		case soonest == "" || one.until.Before(u.kept[soonest].until):
			soonest = n
		}
	}
	if len(u.kept) >= mostUnsent {
		delete(u.kept, soonest)
	}
	f.until = now.Add(unsentFor)
	u.kept[name] = f
	return name, nil
}

// take returns a form of a person and forgets it.
func (u *unsent) take(now time.Time, name, person string) (unsentForm, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f, ok := u.kept[name]
	if !ok || !now.Before(f.until) || person == "" || subtle.ConstantTimeCompare([]byte(f.person), []byte(person)) != 1 {
		return unsentForm{}, false
	}
	delete(u.kept, name)
	return f, true
}

// secret reports whether a field of a form holds what is kept nowhere.
func secret(name string) bool {
	for word := range strings.FieldsFuncSeq(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' }) {
		switch word {
		case "password", "secret", "pin", "recovery", "token":
			return true
		}
	}
	return false
}

// goOn keeps the form of a request that asks for a fresh proof, and returns where it can
// be sent after that; "" if there is none, or it holds secrets or files.
func (v *visit) goOn(back string) string {
	kind, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || v.who.ID == "" || v.r.Method != http.MethodPost {
		return ""
	}
	if v.r.PostForm == nil {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, mostUnsentForm)
		if err := v.r.ParseForm(); err != nil {
			return ""
		}
	}
	fields := v.r.PostForm
	if len(fields) == 0 || len(fields.Encode()) > mostUnsentForm {
		return ""
	}
	for name := range fields {
		if secret(name) {
			return ""
		}
	}
	name, err := v.unsent.put(v.Random, v.Now(), unsentForm{person: v.who.ID, action: localPath(v.r.URL.RequestURI()), back: localPath(back), fields: fields})
	if err != nil {
		return ""
	}
	return parseAddress("/sign-in/go-on").with("form", name).String()
}

// goOnPage shows what waits to be sent, after somebody proved who they are. It does
// nothing by itself: whoever sees it decides.
func (s *server) goOnPage(v *visit) error {
	f, ok := s.unsent.take(v.Now(), v.r.URL.Query().Get("form"), v.who.ID)
	if !ok {
		return v.back("/", "")
	}
	return v.show(page{title: v.p.T("sign.go_on_title"), bare: true, section: "-"}, goOnBody(v, f))
}

// hidden are the fields of a form in the order of their names.
func (f unsentForm) hidden() (all [][2]string) {
	names := make([]string, 0, len(f.fields))
	for name := range f.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range f.fields[name] {
			all = append(all, [2]string{name, value})
		}
	}
	return all
}
