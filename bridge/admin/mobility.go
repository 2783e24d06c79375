package admin

import (
	"context"
	"fmt"
	"time"

	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// Mobility is extension mobility: who is logged in on which phone. All methods are
// called from any goroutine. What the policy in force does not allow is refused with an
// error of package policy; store.ErrAway says that nothing can be stored now.
type Mobility interface {
	// Logins are those logged in, in force or not, sorted by tenant and phone. Read only.
	Logins() []policystore.Session
	// LogIn returns when the login is stored and in force. who is for the trail.
	LogIn(ctx context.Context, phone policy.PhoneRef, in policy.Login, who string) (policystore.Moved, error)
	// LogInDialled is LogIn for what a phone dials, "user*pin"; the error may be
	// policy.ErrPIN or a WaitError.
	LogInDialled(ctx context.Context, phone policy.PhoneRef, dialled, who string) (policy.Login, policystore.Moved, error)
	// LogOut logs out whoever is logged in there, and says who it was.
	LogOut(ctx context.Context, phone policy.PhoneRef, who string) (policy.Login, error)
	// LoginTrail are the newest logins and logouts, the newest first, at most limit.
	LoginTrail(ctx context.Context, limit int) ([]policystore.LoginEntry, error)
}

// WaitError: after wrong PINs a phone must wait before it may try again.
type WaitError struct{ Wait time.Duration }

// Error implements error.
func (e *WaitError) Error() string {
	return fmt.Sprintf("too many wrong logins on this phone: wait %v", e.Wait.Round(time.Second))
}
