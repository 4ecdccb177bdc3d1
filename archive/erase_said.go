package archive

import (
	"context"
	"strings"
	"sync"
	"time"

	"radagora/access"
	"radagora/db"
)

// Of a study of several patients an erasure must know whom each object names, which only
// the objects say: they are read ahead of its transaction, too. What they say is
// remembered by this process alone and for a short time; after a kill it is read again.

// said is what was read for erasures to come.
type said struct {
	mu sync.Mutex
	by map[string]*sayings // by whom
}

// sayings is what the objects say that an erasure needs.
type sayings struct {
	at    time.Time
	of    map[string]saying  // by instance
	alike map[string]*header // most say the same
}

// A saying is what an object says of patient and study.
type saying struct {
	sum       [32]byte
	corrected string
	*header
}

// maxSaid bounds what is remembered of one person: the rest is read by the erasure itself.
const maxSaid = 200_000

// sayAhead reads the objects of those studies of a person that are of others as well.
func (a *Archive) sayAhead(ctx context.Context, p access.Person) error {
	s := &sayings{at: a.Now(), of: map[string]saying{}, alike: map[string]*header{}}
	for after := ""; len(s.of) < maxSaid; {
		list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where instance.id > $3 and study.patient_differs and study.id in (
			select study from study_person where site_id = $1 and person = $2) order by instance.id limit $4`, p.Site, p.ID, after, removeBatch)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, i := range list {
			after = i.ID
			h, err := a.headerIn(ctx, a.DB, i)
			if err != nil {
				return err
			}
			s.add(i, h)
		}
	}
	a.said.mu.Lock()
	defer a.said.mu.Unlock()
	if a.said.by == nil {
		a.said.by = map[string]*sayings{}
	}
	a.said.by[whom(p)] = s
	return nil
}

func (s *sayings) add(i Instance, h header) {
	key := strings.Join(h.patient, "\x00") + "\x01" + strings.Join(h.ofStudy, "\x00")
	if s.alike[key] == nil {
		s.alike[key] = &header{patient: h.patient, ofStudy: h.ofStudy}
	}
	s.of[i.ID] = saying{i.SHA256, i.corrected, s.alike[key]}
}

// says returns what an instance says of patient and study, under its corrections: what was
// read ahead, if nothing changed since.
func (e *eraser) says(ctx context.Context, i Instance) (header, error) {
	if h, ok := e.a.said.get(whom(e.p), i); ok {
		return *h, nil
	}
	return e.a.headerIn(ctx, e.tx, i)
}

func (s *said) get(whom string, i Instance) (*header, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.by[whom]
	if all == nil {
		return nil, false
	}
	was, ok := all.of[i.ID]
	return was.header, ok && was.sum == i.SHA256 && was.corrected == i.corrected
}

// forget forgets what was read for a person, or, if whom is "", before a time.
func (s *said) forget(whom string, before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for who, all := range s.by {
		if who == whom || whom == "" && all.at.Before(before) {
			delete(s.by, who)
		}
	}
}

// recognise looks whom the objects are about that were set aside before anybody noted it,
// and has note note it.
func (a *Archive) recognise(ctx context.Context, q db.Querier, site string, note func(id, person string) error) error {
	list, err := db.List(ctx, q, scanKept, `select id, sop_uid, pack, pack_offset, length, sha256 from quarantine
		where site_id = $1 and person is null order by id`, site)
	if err != nil {
		return err
	}
	for _, k := range list {
		h, err := a.peek(ctx, k.ref, nil)
		if err != nil {
			continue // it cannot be read; whoever mends it will be asked again
		}
		if err := note(k.id, personOf(h.patient)); err != nil {
			return err
		}
	}
	return nil
}

// recognised is the statement by which that is noted.
const recognised = `update quarantine set person = $2 where id = $1`
