//! Customers of a made-up company.

use std::sync::Mutex;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use super::toolbox::{Answer, Argument, Hint, Mistake, Toolbox, count, lock, matches, text, tool};

/// The customers.
pub(super) struct Crm {
    customers: Mutex<Vec<Customer>>,
}

struct Customer {
    id: &'static str,
    company: &'static str,
    country: &'static str,
    contact: String,
    email: String,
    phone: String,
    owner: String,
    plan: String,
    annual_value_eur: u32,
    bank_account: &'static str,
}

// === impl Crm ===

impl Crm {
    pub(super) fn new() -> Self {
        Self { customers: Mutex::new(customers()) }
    }

    fn search(&self, query: &str) -> Answer {
        let customers = lock(&self.customers);
        let found: Vec<&Customer> = customers.iter().filter(|customer| customer.matches(query)).collect();
        let lines: String = found
            .iter()
            .map(|customer| format!("\n{} {} ({})", customer.id, customer.company, customer.country))
            .collect();
        let brief: Vec<Value> = found.iter().map(|customer| customer.brief()).collect();
        Answer::new(
            format!("{} found for `{query}`{lines}", count(found.len(), "customer")),
            json!({ "customers": brief }),
        )
    }

    fn get(&self, id: &str) -> Result<Answer, Mistake> {
        let customers = lock(&self.customers);
        let customer = customers.iter().find(|customer| customer.id == id).ok_or_else(|| unknown(id))?;
        let text = format!(
            "{} {}, {}: {} plan, contact {}, looked after by {}",
            customer.id, customer.company, customer.country, customer.plan, customer.contact, customer.owner
        );
        Ok(Answer::new(text, customer.full()))
    }

    fn update(&self, id: &str, field: &str, value: &str) -> Result<Answer, Mistake> {
        let mut customers = lock(&self.customers);
        let customer = customers.iter_mut().find(|customer| customer.id == id).ok_or_else(|| unknown(id))?;
        let place = match field {
            "contact" => &mut customer.contact,
            "email" => &mut customer.email,
            "phone" => &mut customer.phone,
            "owner" => &mut customer.owner,
            "plan" => &mut customer.plan,
            _ => return Err(Mistake::Said(format!("`{field}` cannot be changed here"))),
        };
        let before = std::mem::replace(place, value.to_owned());
        Ok(Answer::new(
            format!("{field} of {id} is now `{value}` (was `{before}`)"),
            json!({ "id": id, "field": field, "before": before, "after": value }),
        ))
    }
}

impl Toolbox for Crm {
    fn tools(&self) -> Vec<Tool> {
        vec![
            tool(
                "search_customers",
                "Finds customers by company, country or contact.",
                Hint::Reads,
                &[Argument::text("query", "Words to look for; empty for all customers")],
            ),
            tool(
                "get_customer",
                "Shows everything known about one customer.",
                Hint::Reads,
                &[Argument::text("id", "Customer number, such as C-1001")],
            ),
            tool(
                "update_customer",
                "Changes one field of one customer.",
                Hint::Writes,
                &[
                    Argument::text("id", "Customer number, such as C-1001"),
                    Argument::text("field", "contact, email, phone, owner or plan"),
                    Argument::text("value", "The new value"),
                ],
            ),
        ]
    }

    fn use_tool(&self, tool: &str, arguments: &JsonObject) -> Result<Answer, Mistake> {
        match tool {
            "search_customers" => Ok(self.search(text(arguments, "query")?)),
            "get_customer" => self.get(text(arguments, "id")?),
            "update_customer" => {
                self.update(text(arguments, "id")?, text(arguments, "field")?, text(arguments, "value")?)
            }
            _ => Err(Mistake::UnknownTool),
        }
    }
}

// === impl Customer ===

impl Customer {
    fn matches(&self, query: &str) -> bool {
        matches(query, &[self.id, self.company, self.country, &self.contact])
    }

    fn brief(&self) -> Value {
        json!({ "id": self.id, "company": self.company, "country": self.country, "contact": self.contact,
            "email": self.email })
    }

    fn full(&self) -> Value {
        json!({ "id": self.id, "company": self.company, "country": self.country, "contact": self.contact,
            "email": self.email, "phone": self.phone, "owner": self.owner, "plan": self.plan,
            "annual_value_eur": self.annual_value_eur, "bank_account": self.bank_account })
    }
}

fn unknown(id: &str) -> Mistake {
    Mistake::Said(format!("there is no customer `{id}`"))
}

/// Phone numbers and account numbers are from ranges nobody is given.
fn customers() -> Vec<Customer> {
    let rows = [
        ("C-1001", "Halvorsen Freight", "Norway", "Ingrid Halvorsen", "ingrid@halvorsen.example.com", "fleet", 48_000),
        ("C-1002", "Bluepine Dairy", "Ireland", "Cormac Daly", "cormac.daly@bluepine.example.com", "standard", 12_400),
        ("C-1003", "Acme Tools", "Germany", "Jana Brandt", "jana.brandt@acme.example.com", "fleet", 91_500),
        ("C-1004", "Orrery Books", "United Kingdom", "Tomas Whitlock", "tomas@orrery.example.com", "starter", 1_900),
        ("C-1005", "Casa Almendra", "Spain", "Lucía Ferrer", "lucia@almendra.example.com", "standard", 15_750),
    ];
    let of_row = |(number, (id, company, country, contact, email, plan, annual_value_eur))| Customer {
        id,
        company,
        country,
        contact: String::from(contact),
        email: String::from(email),
        phone: format!("+00 555 010{number}"),
        owner: String::from(if number % 2 == 0 { "mira.okafor@example.com" } else { "sam.lindqvist@example.com" }),
        plan: String::from(plan),
        annual_value_eur,
        bank_account: "XX00 DEMO 0000 0000 0000 01",
    };
    (0..).zip(rows).map(of_row).collect()
}
