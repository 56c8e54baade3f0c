/* Slips of the keys: beginnings of phrases seen that are an edit or two away from what was typed (model/slips.py).
 *
 * The trie of phrases and the table of an edit distance are walked together, from the node that promises most (Oflazer
 * 1996, "Error-tolerant Finite-state Recognition", Computational Linguistics 22(1)). A node's table holds the best cost
 * of having typed so many keys for the keys that lead to it, in the band of what so few edits can reach (Ukkonen 1985).
 * An edit is a key put in, left out or changed, or two neighbours exchanged (Damerau 1964); differs: a key takes part
 * in one edit at most. What cannot be costs -inf.
 *
 * Legend: V vocabulary size, L key letters of the alphabet, E edits allowed, n keys typed, d keys of a node, p a place
 * of the band, which stands for d - E + p keys typed. Costs, hopes and worths are nats.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "heap.h"
#include "memory.h"
#include "phrases.h"

enum { MOST_EDITS = 2, BAND = 2 * MOST_EDITS + 1 };

/* How a key of a phrase relates to one that was typed, as model/keys.py numbers it; NO_KEY: none was typed there. */
enum { SAME, OTHER_CASE, NEIGHBOUR, OTHER, NO_KEY, RELATIONS };

enum { DONE = 0, MORE = 1 };

static const float LEAST_COUNT = 1e-9f; /* what counts less is worth as much */

/* What to find. numbers (V, longest): the keys of each character, 0 beyond the last; relations (n, row = L + 1) of the
 * letters to each key typed; budget: the children to look at, at most; costs and bounds as in model/slips.py. */
typedef struct {
    const Phrases *phrases;
    const uint16_t *numbers;
    const uint8_t *relations;
    int32_t longest, row, typed, edits, most, budget;
    float other_case, slip, neighbour, transposition, at_start;
    float least_count, least_worth;
} SlipQuestion;

/* How far a node has come. now: the best cost by edits made and place; begun: the same as it will be when the next key
 * turns out to be the first of the two that were exchanged; last: the node's last key; spent: whether all edits are
 * made, so that only the very keys that were typed may follow. */
typedef struct {
    float now[MOST_EDITS + 1][BAND], begun[MOST_EDITS + 1][BAND];
    int32_t depth, last, spent;
} Table;

/* A node that was or will be looked below. reach: the best cost that something below it may have. */
typedef struct {
    Table table;
    int64_t position;
    float reach;
    int32_t symbol, parent, length;
} Node;

/* A beginning that ends with a symbol after a node. */
typedef struct {
    float worth, cost;
    int32_t node, symbol;
} Beginning;

/* A key of a character, after those before it. ended: the best cost of all keys typed for those up to here; alive:
 * whether they can have been meant. */
typedef struct {
    Table table;
    float ended;
    int alive;
    uint16_t key;
} Step;

/* steps (longest + 1,), the first of them the node whose children are looked at; found (most,), best first; waiting:
 * the nodes still to be looked below, by their hope: their reach and the log of the largest count below. */
typedef struct {
    SlipQuestion question;
    float match[RELATIONS], change[RELATIONS]; /* by how a key relates to the one typed */
    float ahead[MOST_EDITS + 1];               /* by edits made: the least that those still to be made cost */
    Step *steps;
    Beginning *found;
    Node *nodes;
    Heap waiting;
    int32_t node_count, node_room, count, looked;
    int failed;
} Walk;

static inline float larger(float one, float other) { return one > other ? one : other; }

/* Tell whether a worth or a hope may still change what is found. */
static inline int may_count(const Walk *walk, float worth) {
    if (walk->count < walk->question.most) return worth > -INFINITY && worth >= walk->question.least_worth;
    return worth > walk->found[walk->count - 1].worth;
}

/* Go on from a table by one key of a phrase; tell whether the key can have been meant, else `to` holds nothing. Inlined
 * for each E. */
static inline int type_key(const Walk *walk, const Table *from, int32_t key, Table *to, int edits) {
    const SlipQuestion *question = &walk->question;
    int32_t before = from->depth - edits; /* keys typed at place 0 */
    int32_t relation[BAND + 2];           /* to the key typed one before that place, and so on */
    float alive = -INFINITY, open = -INFINITY;
    int may = !from->spent;
    for (int at = 0; at < 2 * edits + 3; at++) {
        int32_t typed = before - 1 + at;
        int inside = typed >= 0 && typed < question->typed;
        relation[at] = inside ? question->relations[(size_t)typed * question->row + key] : NO_KEY;
    }
    for (int place = 0; place <= 2 * edits; place++) /* told early, as most cannot */
        may |= from->now[edits][place] > -INFINITY && relation[place + 1] <= OTHER_CASE;
    if (!may) return 0;
    for (int made = 0; made <= edits; made++) {
        for (int place = 0; place <= 2 * edits; place++) {
            int32_t typed = before + place;
            float cost = from->now[made][place] + walk->match[relation[place + 1]], begun = -INFINITY;
            if (made) {
                const float *fewer = from->now[made - 1];
                float start = typed == 0 ? question->at_start : 0.0f;
                cost = larger(cost, fewer[place] + walk->change[relation[place + 1]] + start);
                if (place < 2 * edits) { /* the key was left out */
                    float left_out = question->slip + (typed == -1 ? question->at_start : 0.0f);
                    cost = larger(cost, fewer[place + 1] + left_out);
                }
                if (place > 0 && relation[place + 1] != NO_KEY) /* one more was put in after it */
                    cost = larger(cost, to->now[made - 1][place - 1] + question->slip + start);
                if (key != from->last) cost = larger(cost, from->begun[made][place] + walk->match[relation[place]]);
                begun = fewer[place] + walk->match[relation[place + 2]] + question->transposition + start;
            }
            to->now[made][place] = cost;
            to->begun[made][place] = begun;
            alive = larger(alive, cost);
            open = larger(open, made < edits ? larger(cost, begun) : begun);
        }
    }
    to->depth = from->depth + 1;
    to->last = key;
    to->spent = open == -INFINITY;
    return alive > -INFINITY || open > -INFINITY;
}

/* Give the best cost of all n keys typed for those of a table, with an edit at least. */
static float cost_of_all(const Walk *walk, const Table *table) {
    int32_t edits = walk->question.edits, place = walk->question.typed - table->depth + edits;
    float best = -INFINITY;
    if (place < 0 || place > 2 * edits) return best;
    for (int32_t made = 1; made <= edits; made++) best = larger(best, table->now[made][place]);
    return best;
}

/* Give the best cost that something below a table may have. What has all n keys typed already and goes on is left out:
 * it is the same beginning, but longer. */
static float reach_of(const Walk *walk, const Table *table) {
    int32_t edits = walk->question.edits, whole = walk->question.typed - table->depth + edits;
    float reach = -INFINITY;
    for (int32_t made = 0; made <= edits; made++) {
        float best = -INFINITY;
        for (int32_t place = 0; place <= 2 * edits; place++) {
            if (place != whole) best = larger(best, table->now[made][place]);
            best = larger(best, table->begun[made][place]);
        }
        reach = larger(reach, best + walk->ahead[made]);
    }
    return reach;
}

/* Let a node wait, by its hope. */
static void push_node(Walk *walk, const Node *node, float hope) {
    Node *added = APPEND(walk->nodes, walk->node_count, walk->node_room, walk->failed);
    if (added == NULL) return;
    *added = *node;
    heap_push(&walk->waiting, hope, walk->node_count - 1, &walk->failed);
}

/* Put a beginning among those found, behind those worth as much. */
static void keep(Walk *walk, Beginning beginning) {
    int32_t at = walk->count < walk->question.most ? walk->count++ : walk->count - 1;
    while (at && walk->found[at - 1].worth < beginning.worth) {
        walk->found[at] = walk->found[at - 1];
        at--;
    }
    walk->found[at] = beginning;
}

/* Type the keys of a character after steps[0], as far as they can have been meant; give the last step. Characters lie
 * in the order of their code points, so that neighbours begin with the same keys: the steps known are those of the one
 * before, and are not made again. */
static const Step *type_character(Walk *walk, const uint16_t *keys, int32_t *known) {
    Step *steps = walk->steps;
    int32_t at = 0;
    while (at < walk->question.longest && keys[at] && steps[at].alive) {
        const Step *before = &steps[at++];
        Step *step = &steps[at];
        if (at <= *known && step->key == keys[at - 1]) continue;
        step->key = keys[at - 1];
        step->alive = walk->question.edits == 1 ? type_key(walk, &before->table, step->key, &step->table, 1)
                                                : type_key(walk, &before->table, step->key, &step->table, 2);
        step->ended = step->alive ? larger(before->ended, cost_of_all(walk, &step->table)) : before->ended;
        *known = at;
    }
    return &steps[at];
}

/* Look at the children of a node: those in which the last key typed is matched are found, those that may lead to such
 * wait. */
static void look_below(Walk *walk, int32_t number) {
    const SlipQuestion *question = &walk->question;
    const Node node = walk->nodes[number];
    Children children = children_of(question->phrases, node.position);
    int full = walk->count == question->most, first_right = question->edits > 1 && node.length == 0;
    float bound = full ? walk->found[walk->count - 1].worth : question->least_worth;
    /* The count that comes to less for all that is below; a little less, as it is rounded. */
    float least = larger(question->least_count, expf(bound - node.reach) * (1 - 1e-5f));
    int32_t known = 0;
    walk->steps[0] = (Step){node.table, -INFINITY, 1, 0};
    walk->looked += (int32_t)children.count;
    for (uint32_t rank = 0; rank < children.count; rank++) {
        Child child = child_at(question->phrases, &children, rank);
        if (child.best < least || child.symbol == END_ID) continue;
        const uint16_t *keys = question->numbers + (size_t)child.symbol * question->longest;
        if (first_right && question->relations[keys[0]] > OTHER_CASE) continue;
        const Step *last = type_character(walk, keys, &known);
        if (last == walk->steps || (!last->alive && last->ended == -INFINITY)) continue;
        float popular = logf(larger(child.best, LEAST_COUNT)), worth = last->ended + popular;
        if (may_count(walk, worth)) keep(walk, (Beginning){worth, last->ended, number, child.symbol});
        if (!last->alive) continue;
        float reach = reach_of(walk, &last->table);
        if (!may_count(walk, reach + popular)) continue;
        Node below = {last->table, child.position, reach, child.symbol, number, node.length + 1};
        push_node(walk, &below, reach + popular);
    }
}

/* End a walk. */
void machim_slips_free(Walk *walk) {
    free(walk->steps);
    free(walk->found);
    free(walk->nodes);
    free(walk->waiting.ranked);
    free(walk);
}

/* Begin a walk at the root, where all that was typed was put in; NULL where there is no memory. */
Walk *machim_slips_new(const SlipQuestion *question) {
    Walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL) return NULL;
    float cheapest = larger(larger(question->slip, question->neighbour), question->transposition);
    walk->question = *question;
    walk->steps = malloc(((size_t)question->longest + 1) * sizeof *walk->steps);
    walk->found = malloc((size_t)question->most * sizeof *walk->found);
    for (int relation = 0; relation < RELATIONS; relation++) walk->match[relation] = walk->change[relation] = -INFINITY;
    walk->match[SAME] = 0.0f;
    walk->match[OTHER_CASE] = question->other_case;
    walk->change[NEIGHBOUR] = question->neighbour;
    walk->change[OTHER] = question->slip;
    Node root = {.symbol = UNKNOWN_ID, .parent = -1};
    for (int32_t made = 0; made <= MOST_EDITS; made++) {
        walk->ahead[made] = (float)(question->edits - made) * cheapest;
        for (int32_t place = 0; place < BAND; place++)
            root.table.now[made][place] = root.table.begun[made][place] = -INFINITY;
        if (made <= question->edits && made <= question->typed)
            root.table.now[made][question->edits + made] = made ? (float)made * question->slip + question->at_start : 0;
    }
    root.reach = reach_of(walk, &root.table);
    push_node(walk, &root, root.reach + logf(larger(question->phrases->bests[0], LEAST_COUNT)));
    if (walk->steps == NULL || walk->found == NULL || walk->failed) {
        machim_slips_free(walk);
        return NULL;
    }
    return walk;
}

/* Go on with a walk until so many more children were looked at. DONE: it is over; MORE: it is not; NO_MEMORY. */
int32_t machim_slips_run(Walk *walk, int32_t children) {
    int32_t until = walk->looked + children;
    while (walk->waiting.count && walk->looked < walk->question.budget &&
           may_count(walk, (float)walk->waiting.ranked[0].score)) {
        if (walk->looked >= until) return MORE;
        look_below(walk, heap_pop(&walk->waiting).item);
        if (walk->failed) return NO_MEMORY;
    }
    return DONE;
}

/* Write the costs of what was found, best first, and its symbols into rows (most, width), which are not changed beyond
 * them; give how many there are. */
int32_t machim_slips_give(const Walk *walk, float *costs, int32_t *rows, int64_t width) {
    for (int32_t number = 0; number < walk->count; number++, rows += width) {
        int32_t node = walk->found[number].node;
        costs[number] = walk->found[number].cost;
        rows[walk->nodes[node].length] = walk->found[number].symbol;
        for (; walk->nodes[node].parent >= 0; node = walk->nodes[node].parent)
            rows[walk->nodes[node].length - 1] = walk->nodes[node].symbol;
    }
    return walk->count;
}
