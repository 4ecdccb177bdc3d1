package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"radagora/fault"
)

func TestOf(t *testing.T) {
	invalid := fault.Errorf(fault.Invalid, "length %d is odd", 3)
	for _, c := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nobody classified it", errors.New("x"), fault.Internal},
		{"its own kind", invalid, fault.Invalid},
		{"wrapped", fmt.Errorf("read element: %w", invalid), fault.Invalid},
		{"the outermost kind counts", fault.Errorf(fault.Conflict, "store: %w", invalid), fault.Conflict},
		{"a deadline passed", fmt.Errorf("read: %w", context.DeadlineExceeded), fault.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.Of(c.err); got != c.want {
				t.Errorf("Of(%v) = %v; want %v", c.err, got, c.want)
			}
		})
	}
}

func TestAs(t *testing.T) {
	if err := fault.As(fault.Invalid, nil); err != nil {
		t.Errorf("As(nil) = %v; want nil", err)
	}
	base := errors.New("base")
	if err := fault.As(fault.Exhausted, base); !errors.Is(err, base) || err.Error() != "base" {
		t.Errorf("As(base) = %v; want base, wrapped", err)
	}
}

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range fault.Kinds() {
		if seen[k.String()] {
			t.Errorf("two kinds are called %s", k)
		}
		seen[k.String()] = true
	}
	if len(seen) != 8 || fault.Kind(200).String() != "internal" {
		t.Errorf("Kinds = %v; want 8, and an unknown one internal", seen)
	}
}

func ExampleErrorf() {
	err := fault.Errorf(fault.NotFound, "no study %s", "1.2.3")
	fmt.Println(fault.Of(err), "-", err)
	// Output: not_found - no study 1.2.3
}
