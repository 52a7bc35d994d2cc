"""Invented people for an invented county: names, and the e-mail addresses made from them.

The lists hold names found in England today. Nobody's full name is copied from anywhere: first and last names are drawn
separately. Some are long, hyphenated, accented, or a single letter, because real names are and pages must cope.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator

FIRST = tuple(
    """
Aaliyah Aaron Abdul Abena Abigail Abiola Adam Adaeze Adele Aditi Adnan Adrian Afia Agnieszka Ahmed Aidan Ailsa Aisha Akua Alan Alasdair
Alejandra Aleksandra Alex Alexandra Alfie Alice Alicia Alisha Alison Allan Amara Amber Amelia Amina Amir Amit Amy Ana Anastasia Andrea
Andreea Angela Anil Anita Anjali Anna Anneka Annette Anthony Anya Aoife April Arjun Asha Ashley Asif Athena Audrey Ayesha Ayodele Azra
Babatunde Barbara Beatrice Becky Belinda Ben Bernadette Bethan Beverley Bianca Blessing Bogdan Brenda Bridget Bronwen Caitlin Callum
Camilla Cara Carl Carlos Carmen Carol Caroline Carys Catherine Cathy Cecilia Celeste Ceri Chantelle Charlene Charlotte Chelsea Cheryl
Chiara Chidi Chioma Chloe Christina Christopher Ciara Claire Clara Clive Colette Colin Connor Courtney Craig Cristina Curtis Cynthia Daisy
Damian Dana Daniel Danielle Danuta Darren Dave David Dawn Deborah Declan Deepa Delroy Denise Derek Destiny Devika Diana Diane Dilys Dina
Dipika Dominika Donna Dorota Duncan Dwayne Dylan Ebony Edward Efua Eileen Ekaterina Elaine Eleanor Elena Eleri Eli Elijah Elif Elizabeth
Ella Ellen Ellie Elspeth Emeka Emily Emma Emmanuel Erin Esme Esther Ethan Eva Evelyn Ewa Faisal Farah Farida Fatima Fay Femi Fergus Fiona
Florence Folake Francesca Freddie Freya Gabriel Gabriela Gareth Gary Gemma George Georgia Gillian Giulia Gloria Grace Graham Grzegorz
Gurpreet Gwen Hafsa Hamish Hannah Hanna Harjit Harriet Harry Hassan Hayley Heather Helen Henry Hilary Hollie Hope Hugh Huda Ibrahim Ifeoma
Ikra Imani Imogen Imran Ines Ingrid Ioana Irene Iris Isaac Isabel Ismail Ivan Ivy Jack Jacqueline Jade Jagdeep Jai Jake Jamal Jamie Jan
Jane Janet Janine Jasmine Jason Jasper Jay Jayne Jean Jennifer Jeremy Jess Jessica Jill Jo Joan Joanna Joanne Jodie Joe John Jonathan
Jordan Joseph Josephine Joshua Joy Juanita Judith Julia Julie June Kai Kamal Kamila Karen Karim Karl Kate Katherine Kathleen Katie Kavita
Kay Keeley Keira Keith Kelechi Kelly Kemi Ken Kerry Kevin Khadija Kieran Kim Kimberley Kiran Kirsty Kofi Krisztina Krystyna Kwame Kyle
Lakshmi Lara Latoya Laura Lauren Layla Leah Leanne Lee Leila Lena Leon Lesley Lewis Liam Lindsay Lisa Llinos Logan Lorna Lorraine Louis
Louise Lucia Lucy Luke Lydia Lynne Maciej Maddie Magda Mahmoud Maisie Malika Manjit Marcus Margaret Maria Marianne Marie Marina Mark
Marlene Marsha Martha Martin Mary Mason Matilda Matthew Maureen Max Maya Megan Mehwish Mei Melanie Melissa Mercy Mia Michael Michelle
Mihaela Mina Mira Miriam Moira Mohammed Molly Mona Monica Monique Morgan Moses Muhammad Musa Nadia Nadine Naomi Natalia Natalie Natasha
Nathan Neha Neil Nia Niamh Nicholas Nicola Nigel Nikita Nimra Nina Noah Noor Nora Norma Nuala Obinna Olga Olivia Olu Omar Opal Orla Oscar
Owen Paige Pamela Parveen Patience Patricia Patrick Paula Pauline Pearl Penelope Peter Petra Philip Philippa Phoebe Piotr Pooja Poppy
Precious Priya Quentin Rachel Rafael Rahima Raj Rajesh Ravi Rebecca Rehana Renata Rhian Rhys Richard Rina Rita Robert Roberta Robin Rohan
Roisin Rosa Rosalind Rose Rosie Rowan Roxanne Ruby Rukhsana Rupert Russell Ruth Ryan Sabina Sabrina Sadia Safiya Saira Sally Salma Sam
Samantha Samina Samuel Sandeep Sandra Sanjay Saoirse Sara Saskia Scott Sean Selina Serena Shabana Shanice Sharon Shaun Shazia Sheila
Shirley Shona Shreya Sian Simone Siobhan Sofia Sonia Sophie Stacey Stella Stephanie Stephen Stuart Sue Sukhjit Sumaya Sunita Susan Suzanne
Sylvia Tamara Tanisha Tanya Tara Tariq Tasha Temitope Teresa Terry Theo Thomas Tia Tina Toby Tom Toni Tracey Trevor Tricia Tunde Uche Uma
Usha Valerie Vanessa Vera Veronica Victor Victoria Vijay Vikram Violet Vivian Wanda Wayne Will Winston Wioletta Yasmin Yemi Yetunde
Yolanda Yusuf Yvette Yvonne Zac Zahra Zainab Zara Zeynep Zofia Zuzanna
""".split()
)

LAST = tuple(
    """
Abbott Abdi Abebe Abraham Achebe Ackroyd Adamski Adebayo Adeyemi Adomako Afolabi Agarwal Ahmadi Ahmed Akhtar Akinola Alderton Ali
Allardyce Allen Amin Anand Anderson Andrews Ansah Appiah Archer Armitage Arshad Asante Ashworth Aslam Atkins Austin Aziz Baig Bailey
Baines Baker Balogun Bamford Banerjee Banks Bannister Baptiste Barker Barlow Barnes Barrow Begum Bell Bello Bennett Bentley Berry Bhatt
Bhatti Birch Bishop Blackburn Blake Boateng Bogdanova Bolton Booth Bowen Boyle Bradley Bradshaw Braithwaite Brennan Brook Brown Browne
Bryant Burgess Burke Burnham Butler Byrne Cairns Calloway Campbell Carr Carter Castellano Chaudhry Chambers Chan Chandra Chapman Charlton
Chen Cheung Chowdhury Clarke Clayton Clegg Coates Cole Coleman Collins Connolly Cooper Cotton Cowell Cox Crawford Cross Cunningham Curtis
Dacosta Dalton Daly Danso Das Davies Davison Dawson Deacon Desai Dhillon Dias Diaz Dixon Dobson Doherty Donovan Douglas Doyle Drummond
Duffy Duncan Dunn Dyer Eagleton Eastwood Edwards Egbuna Ellis Emmerson Eze Evans Fagan Fairclough Farouk Farrell Faulkner Fawcett Fenwick
Fernandes Ferreira Field Finch Fisher Fitzgerald Fleming Fletcher Flynn Foley Ford Forster Foster Fowler Fox Francis Fraser Freeman
Gallagher Gandhi Garcia Gardner Garland Gibbs Gibson Gill Goddard Goldberg Gomes Gonzalez Goode Gopal Gordon Gorman Goswami Graham Grant
Graves Grayson Greaves Green Greenwood Grewal Griffin Griffiths Gupta Gurung Haddad Haines Hale Halliday Hameed Hamilton Hanif Hardcastle
Harding Hargreaves Harper Hart Hartley Harvey Hassan Hawkins Hayes Haynes Heath Henderson Henry Hepworth Hewitt Higgins Hill Hinds Ho
Hobbs Hodgson Holland Holloway Holmes Holt Hooper Horvath Howard Howarth Hughes Hussain Hutchinson Ibrahim Igwe Ingham Iqbal Irvine Islam
Ivanov Iyer Jackson Jaffrey Janjua Jarvis Jassal Jenkins Jennings John Johnson Jones Joseph Joshi Joyce Kamara Kang Kapoor Karimi Kaur
Kavanagh Keane Kelly Kendall Kennedy Kerr Khan Khatun Kim King Kirby Knight Knowles Kowalska Kowalski Kumar Kwarteng Lal Lam Lamb Lambert
Lane Langley Lawal Lawson Leach Lee Leigh Lennox Leung Lewandowski Lewis Li Lim Lindqvist Little Lloyd Lockwood Logan Long Lopez Lord Lowe
Lucas Lynch MacDonald Mackenzie Mahmood Malik Mann Manning Marsh Marshall Martin Mason Mathew Matthews May Mbeki McAllister McCarthy
McDonald McGrath McGregor McIntyre McKenna McLean McNamara Mehta Mendes Mensah Menon Merchant Metcalfe Miah Miller Mills Mirza Mistry
Mitchell Mohamed Molina Moore Moran Moreno Morgan Morris Morrison Moss Moyo Mukherjee Mulligan Munro Murphy Murray Mustafa Nair Nasir
Ndlovu Neal Newman Newton Nguyen Nicholls Nkosi Noble Nolan Norris North Norton Novak Nowak Nwosu Oakley Obi Odell Ofori Ogden Ogunleye
Okafor Okeke Okonkwo Oliver Olsen Onyango Osei Osborne Oti Owens Owusu Palmer Pandya Parekh Parker Parkinson Parsons Patel Pearce Pearson
Pemberton Pereira Perkins Perry Peters Pham Phillips Pierce Pillai Pollard Poole Popescu Porter Potts Powell Prasad Preston Price
Pritchard Quaye Quinn Rahman Rai Ramirez Ramsden Randhawa Rao Rashid Ratcliffe Read Reddy Reed Rees Reeves Rehman Reid Reilly Reyes
Reynolds Rhodes Richards Riley Rivera Roberts Robertson Robson Rodrigues Rogers Roper Ross Rossi Rowland Roy Russell Ryan Saeed Saleh
Salter Samuels Sanders Sandhu Sangha Santos Saunders Savage Sawyer Schofield Sehgal Sellers Sesay Seymour Shah Shaikh Shannon Sharma
Sharpe Shaw Shepherd Sheridan Siddiqui Sidhu Silva Simmons Singh Skinner Slater Small Smart Smith Snow Sohal Solomon Sousa Stanton Steele
Stewart Stokes Stone Summers Sutherland Sutton Swain Sykes Szabo Tait Tanner Tate Taylor Thapa Thomas Thompson Thornton Tiwari Todd
Tomlinson Toure Travers Tran Tucker Turner Tyler Ullah Underwood Uddin Usman Vance Varga Varma Vaughan Vickers Vincent Virdee Wade
Wagstaff Walker Wallace Walsh Walters Wang Ward Warner Warren Warsame Waters Watkins Watson Webb Webster Weaver Wells West Wheeler
Whitaker White Whitehead Whittle Wilde Wilkinson Willis Wilson Winter Wong Wood Woodhouse Woodward Wright Wu Wyatt Xu Yadav Yates Yeboah
Yilmaz Yousaf Young Yusuf Zafar Zaman Zhang Zhou Zielinski
""".split()
)

# Drawn now and then, and never left out of a county of any size: see ``NameMaker``.
UNUSUAL = (
    ("Zoë", "Fernández-Whitmore"),
    ("Siân", "O'Callaghan"),
    ("Renée", "Désirée-Laurent"),
    ("Seán", "Ó Briain"),
    ("Łucja", "Wójcik"),
    ("Jürgen", "Müller-Stainforth"),
    ("Ngozi", "Chukwuemeka-Oyelaran"),
    ("Mary-Kate", "Featherstonehaugh"),
    ("Anne-Marie", "St Clair"),
    ("Oluwaseun", "Oluwadamilare-Adeyinka"),
    ("Thi Mai", "Nguyễn"),
    ("Bo", "O"),
    ("J", "Ashdown"),
    ("Wai", "U"),
    ("Ama", "N'Diaye"),
    ("Maximiliana Alexandrina", "Cholmondeley-Featheringay"),
    ("Venkata Satyanarayana", "Subrahmanyam"),
    ("Jean-Luc", "D'Angelo"),
    ("İpek", "Şahin"),
    ("Ólafur", "Þórðarson"),
    ("Chloé", "van der Meer"),
    ("Björk", "Ångström"),
    ("Michał", "Dąbrowski"),
    ("Ana María", "de la Cruz"),
)
KNOWN_AS = {
    "Alexandra": "Alex",
    "Benjamin": "Ben",
    "Catherine": "Cath",
    "Christopher": "Kit",
    "Daniel": "Dan",
    "Deborah": "Debs",
    "Elizabeth": "Liz",
    "Emmanuel": "Manny",
    "Gabriela": "Gabi",
    "Jacqueline": "Jacqui",
    "Jennifer": "Jen",
    "Jonathan": "Jon",
    "Josephine": "Josie",
    "Kimberley": "Kim",
    "Margaret": "Maggie",
    "Matthew": "Matt",
    "Michael": "Mike",
    "Nicholas": "Nick",
    "Oluwaseun": "Seun",
    "Patricia": "Trish",
    "Philippa": "Pip",
    "Rebecca": "Becs",
    "Samantha": "Sam",
    "Stephanie": "Steph",
    "Temitope": "Temi",
    "Thomas": "Tom",
    "Victoria": "Vicky",
    "Zuzanna": "Zuza",
    "Maximiliana Alexandrina": "Max",
    "Venkata Satyanarayana": "Satya",
}
_LETTERS = str.maketrans({"ł": "l", "Ł": "l", "ø": "o", "Ø": "o", "þ": "th", "Þ": "th", "ð": "d", "Ð": "d", "ß": "ss", "æ": "ae", "ı": "i"})


def plain(name: str) -> str:
    """Return the name as it stands in an e-mail address: lower case, a to z and hyphens only."""
    folded = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    letters = (letter for letter in folded.lower() if letter in "abcdefghijklmnopqrstuvwxyz- ")
    return "".join(letters).replace(" ", "-").strip("-")


def people_names(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (first, last) for ever. One name in fifty is unusual, and all the unusual ones come early."""
    unusual = list(UNUSUAL)
    chance.shuffle(unusual)
    count = 0
    while True:
        count += 1
        if count % 50 == 7:
            yield unusual[(count // 50) % len(unusual)]
        else:
            yield chance.choice(FIRST), chance.choice(LAST)


class Addresses:
    """Gives each person their own e-mail address, numbering the second and later people of one name."""

    def __init__(self) -> None:
        """Start with no address taken."""
        self._taken: dict[str, int] = {}

    def give(self, first: str, last: str, domain: str) -> str:
        """Return an unused ``first.last@domain``, ASCII and lower case. The domain must end in ``.example``."""
        stem = f"{plain(first)}.{plain(last)}@{domain}"
        taken = self._taken.get(stem, 0) + 1
        self._taken[stem] = taken
        return stem if taken == 1 else stem.replace("@", f"{taken}@", 1)
