package form

import (
	"context"

	"radagora/evidence"
	"radagora/fhir"
)

// Apply does edits of one person on answers that are not kept here, and evaluates what
// follows. What is refused is told by path.
func (s *Session) Apply(ctx context.Context, edits []Edit, by string) (refused map[string]error, err error) {
	return s.apply(ctx, edits, nil, by)
}

func (s *Session) apply(ctx context.Context, edits []Edit, facts map[string]evidence.Value, by string) (refused map[string]error, err error) {
	refused = map[string]error{}
	for _, e := range edits {
		if _, _, err := s.edit(e, facts, "", by); err != nil {
			refused[e.Path] = err
		}
	}
	return refused, s.Evaluate(ctx)
}

// Kept writes all answers, those too that are not asked for now: Resume brings them back
// with their question.
func (s *Session) Kept(h Heading) (fhir.Resource, error) { return s.keep(h) }
