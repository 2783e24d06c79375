// Package api holds the resources of the admin REST API as they travel: plain structs
// with their JSON keys. Server (package admin) and client (package client) share them.
// The doc tags are the descriptions of the OpenAPI document.
package api
