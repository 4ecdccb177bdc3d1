package skin

// A spline is a natural cubic spline through points; outside of them it stays at the
// nearest.
type spline struct{ x, y, curve []float64 } // curve holds second derivatives

// newSpline returns the spline through at least two points with ascending x.
func newSpline(x, y []float64) spline {
	n := len(x)
	s := spline{x, y, make([]float64, n)}
	// The tridiagonal system of the second derivatives, solved from the top down and
	// back up.
	u := make([]float64, n)
	for i := 1; i < n-1; i++ {
		part := (x[i] - x[i-1]) / (x[i+1] - x[i-1])
		p := part*s.curve[i-1] + 2
		s.curve[i] = (part - 1) / p
		slope := (y[i+1]-y[i])/(x[i+1]-x[i]) - (y[i]-y[i-1])/(x[i]-x[i-1])
		u[i] = (6*slope/(x[i+1]-x[i-1]) - part*u[i-1]) / p
	}
	s.curve[n-1] = 0
	for i := n - 2; i > 0; i-- {
		s.curve[i] = s.curve[i]*s.curve[i+1] + u[i]
	}
	return s
}

// at returns the value at x.
func (s spline) at(x float64) float64 {
	n := len(s.x)
	switch {
	case x <= s.x[0]:
		return s.y[0]
	case x >= s.x[n-1]:
		return s.y[n-1]
	}
	i := 1
	for s.x[i] < x {
		i++
	}
	h := s.x[i] - s.x[i-1]
	a, b := (s.x[i]-x)/h, (x-s.x[i-1])/h
	return a*s.y[i-1] + b*s.y[i] + ((a*a*a-a)*s.curve[i-1]+(b*b*b-b)*s.curve[i])*h*h/6
}
