package api

import "time"

// Login is an end user who is logged in on a phone (extension mobility).
type Login struct {
	Tenant  string    `json:"tenant"`
	Phone   string    `json:"phone"`
	UserID  string    `json:"user_id"`
	Profile string    `json:"profile,omitempty" doc:"The device profile in force; of a login that is not, the one asked for."`
	Since   time.Time `json:"since"`
	By      string    `json:"by,omitempty" doc:"Who logged the user in."`
	// InForce is false for a login that the policy does not allow any more.
	InForce bool   `json:"in_force" doc:"false: the policy does not allow this login any more, and it counts for nothing."`
	Why     string `json:"why,omitempty" doc:"Why it is not in force."`
}

// LoginList is a page of those logged in, sorted by tenant and phone.
type LoginList struct {
	Total  int     `json:"total" doc:"How many match, on all pages."`
	Logins []Login `json:"logins"`
}

// LogIn asks for a login.
type LogIn struct {
	Tenant  string `json:"tenant,omitempty" doc:"Of the phone; without it the default tenant."`
	Phone   string `json:"phone" minLength:"1" maxLength:"256" doc:"Name of the phone, or a number by which it is known." example:"SEP00115A000001"`
	UserID  string `json:"user_id,omitempty" maxLength:"256" doc:"The end user; no PIN is asked for." example:"ann"`
	Profile string `json:"profile,omitempty" maxLength:"256" doc:"One of the user's device profiles; without it the first."`
	Dialled string `json:"dialled,omitempty" maxLength:"256" doc:"In place of user_id what a phone dials behind the login code: user, *, PIN." example:"2001*0815"`
}

// LoggedIn answers a login.
type LoggedIn struct {
	Login
	Replaced string `json:"replaced,omitempty" doc:"Who was logged in on the phone before."`
	Left     string `json:"left,omitempty" doc:"The phone where the user was logged in before."`
}

// LogOut asks for a logout.
type LogOut struct {
	Tenant string `json:"tenant,omitempty" doc:"Of the phone; without it the default tenant."`
	Phone  string `json:"phone" minLength:"1" maxLength:"256" doc:"Name of the phone, or a number by which it is known."`
}

// LoggedOut answers a logout.
type LoggedOut struct {
	Tenant string `json:"tenant"`
	Phone  string `json:"phone"`
	UserID string `json:"user_id" doc:"Who was logged in there."`
}

// LoginTrail are the newest logins and logouts.
type LoginTrail struct {
	Entries []LoginEntry `json:"entries" doc:"The newest first."`
}

// LoginEntry is one login or logout.
type LoginEntry struct {
	Revision uint64    `json:"revision" doc:"Counts logins and logouts."`
	When     time.Time `json:"when"`
	Who      string    `json:"who,omitempty" doc:"Who did it."`
	What     string    `json:"what" enum:"login,logout"`
	Tenant   string    `json:"tenant"`
	Phone    string    `json:"phone"`
	UserID   string    `json:"user_id"`
	Profile  string    `json:"profile,omitempty"`
	Replaced string    `json:"replaced,omitempty" doc:"Who was logged in on the phone before."`
	Left     string    `json:"left,omitempty" doc:"The phone where the user was logged in before."`
}
